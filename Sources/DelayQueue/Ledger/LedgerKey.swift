package import Beanstalk

/// The name of a job's record in the ledger.
package struct LedgerKey: Hashable, Sendable, CustomStringConvertible {
    private static let prefix = "dq:"

    /// The Redis key.
    package let description: String

    /// A job of this library: `dq:<queue>:<id>`. A queue's name has no colon, so no two jobs share a key.
    package init(queue: TubeName, id: JobID) {
        description = "\(Self.prefix)\(queue.rawValue):\(id.description)"
    }

    /// A record of go-queue: the bare MD5, which is the key that library's consumers lock.
    package init(goQueue id: JobID) {
        description = id.description
    }

    /// Whether a value that is no record of ours is a go-queue consumer's lock.
    var isSharedWithGoQueue: Bool { !description.hasPrefix(Self.prefix) }
}
