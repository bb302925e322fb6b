/// What became of a job that was to be revoked.
public enum RevokeOutcome: String, Sendable, Hashable, CustomStringConvertible {
    /// It will not run.
    case revoked
    /// A consumer is running it now; its copies were left alone.
    case alreadyRunning
    /// It ran to its end.
    case alreadyDone
    /// No ledger was there to forbid it, and a copy was out of reach: it may still run.
    case incomplete

    public var description: String { rawValue }
}
