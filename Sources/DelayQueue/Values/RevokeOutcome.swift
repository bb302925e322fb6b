/// What became of a job that was to be revoked.
public struct RevokeOutcome: Hashable, Sendable, CustomStringConvertible {
    private enum Value: String, Sendable {
        case revoked, alreadyRunning, alreadyDone, incomplete, unknown
    }

    private let value: Value

    /// It will not run.
    public static let revoked = RevokeOutcome(value: .revoked)

    /// A consumer is running it now; its copies were left alone.
    public static let alreadyRunning = RevokeOutcome(value: .alreadyRunning)

    /// It ran to its end.
    public static let alreadyDone = RevokeOutcome(value: .alreadyDone)

    /// There was no ledger to forbid it, and a copy was out of reach: it may still run.
    public static let incomplete = RevokeOutcome(value: .incomplete)

    /// The ledger knows no job of this id: none was scheduled, or its record has run out, or the id was not the caller's own.
    public static let unknown = RevokeOutcome(value: .unknown)

    public var description: String { value.rawValue }
}
