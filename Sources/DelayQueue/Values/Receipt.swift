public import Beanstalk

#if canImport(FoundationEssentials)
    public import FoundationEssentials
#else
    public import Foundation
#endif

/// What is known about an accepted job: all it takes to revoke it later.
///
/// Its text form is one line of visible ASCII characters without spaces, made to be stored.
public struct Receipt: Sendable, Hashable {
    public let jobID: JobID

    /// When the job is due, in microseconds.
    package let fireTime: Timestamp

    /// The queue's name in the ledger; the tube unless the producer was told otherwise.
    public let queue: TubeName

    /// Whether the caller chose the id, so that copies of an earlier call may exist which this receipt does not know.
    public let hasOwnID: Bool

    /// Which writing of an own id it is; nil for generated ids, and for a producer without a ledger.
    package let edition: JobEdition?

    /// Whether an earlier call had scheduled this very job, so that nothing was written. It then names no copies.
    public let wasScheduledBefore: Bool

    public let format: RecordFormat

    /// How many copies the records declare; 0 where they cannot be counted: an own id, or go-queue's format.
    public let copies: Int

    /// Where copies are or may be.
    public let placements: [Placement]

    /// One copy.
    public struct Placement: Sendable, Hashable {
        public let node: BeanstalkNode

        /// The copy's index, from 0.
        public let index: Int

        /// The number its server gave it; nil where the outcome of the put is unknown.
        public let id: BeanstalkJobID?

        /// The server process that the copy was sent to. With `id` it names the copy for good: a server that was
        /// started anew may give the same number again, but is another process. nil where it is not known, as with a
        /// beanstalkd before 1.7, which tells none.
        public let serverID: ServerID?

        package init(node: BeanstalkNode, index: Int, id: BeanstalkJobID?, serverID: ServerID?) {
            self.node = node
            self.index = index
            self.id = id
            self.serverID = serverID
        }
    }

    package init(
        jobID: JobID,
        fireTime: Timestamp,
        queue: TubeName,
        hasOwnID: Bool,
        edition: JobEdition? = nil,
        wasScheduledBefore: Bool = false,
        format: RecordFormat,
        copies: Int,
        placements: [Placement]
    ) {
        self.jobID = jobID
        self.fireTime = fireTime
        self.queue = queue
        self.hasOwnID = hasOwnID
        self.edition = edition
        self.wasScheduledBefore = wasScheduledBefore
        self.format = format
        self.copies = copies
        self.placements = placements
    }

    /// When the job is due.
    public var fireDate: Date { fireTime.date }

    /// The job's key in the ledger.
    package var ledgerKey: LedgerKey {
        format == .goQueue ? LedgerKey(goQueue: jobID) : LedgerKey(queue: queue, id: jobID, edition: edition)
    }
}
