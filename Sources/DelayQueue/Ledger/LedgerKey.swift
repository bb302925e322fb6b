package import Beanstalk

/// The name of a job's record in the ledger.
package struct LedgerKey: Hashable, Sendable, CustomStringConvertible {
    private static let prefix = "dq:"

    /// The Redis key.
    package let description: String

    /// A job of this library: `dq:<queue>:<id>`. A queue's name has no colon, so no two jobs share a key.
    package init(queue: TubeName, id: JobID) {
        // In one piece: this is done for every copy that is met.
        let parts = (Self.prefix, queue.rawValue, id.description)
        let length = parts.0.utf8.count + parts.1.utf8.count + 1 + parts.2.utf8.count
        description = String(unsafeUninitializedCapacity: length) { buffer in
            var end = buffer.initialize(fromContentsOf: parts.0.utf8)
            end = buffer[end...].initialize(fromContentsOf: parts.1.utf8)
            buffer.initializeElement(at: end, to: UInt8(ascii: ":"))
            return buffer[(end + 1)...].initialize(fromContentsOf: parts.2.utf8)
        }
    }

    /// A record of go-queue: the bare MD5, which is the key that library's consumers lock.
    package init(goQueue id: JobID) {
        description = id.description
    }

    /// Whether a value that is no record of ours is a go-queue consumer's lock.
    var isSharedWithGoQueue: Bool { !description.hasPrefix(Self.prefix) }
}
