public import Beanstalk

/// The name of a job's record in the ledger.
public struct LedgerKey: Hashable, Sendable, CustomStringConvertible {
    private static let prefix = "dq:"

    /// The Redis key.
    public let description: String

    /// A job of this library: `dq:<queue>:<id>`. A queue's name has no colon, so no two jobs share a key.
    public init(queue: TubeName, id: JobID) {
        var key = Self.prefix
        key.reserveCapacity(key.utf8.count + queue.rawValue.utf8.count + 1 + id.description.utf8.count)
        key += queue.rawValue
        key += ":"
        key += id.description
        description = key
    }

    /// A record of go-queue: the bare MD5, which is the key that library's consumers lock.
    public init(goQueue id: JobID) {
        description = id.description
    }

    /// Whether a value that is no record of ours is a go-queue consumer's lock.
    var isSharedWithGoQueue: Bool { !description.hasPrefix(Self.prefix) }
}
