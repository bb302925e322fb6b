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
    public var jobID: JobID

    /// When the job is due, in microseconds.
    package var fireTime: Timestamp

    /// The queue's name in the ledger; the tube unless the producer was told otherwise.
    public var queue: TubeName

    /// Whether the caller chose the id, so that copies of an earlier call may exist which this receipt does not know.
    public var hasOwnID: Bool

    public var format: RecordFormat

    /// How many copies the records declare; 0 where they cannot be counted: an own id, or go-queue's format.
    public var copies: Int

    /// Where copies are or may be.
    public var placements: [Placement]

    /// One copy.
    public struct Placement: Sendable, Hashable {
        public var node: BeanstalkNode

        /// The copy's index, from 0.
        public var index: Int

        /// The number its server gave it; nil where the outcome of the put is unknown.
        public var id: BeanstalkJobID?

        /// The `id` in the server's `stats` at that time, which tells whether it restarted since; nil if unknown.
        public var serverID: String?

        public init(node: BeanstalkNode, index: Int, id: BeanstalkJobID?, serverID: String? = nil) {
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
        format: RecordFormat,
        copies: Int,
        placements: [Placement]
    ) {
        self.jobID = jobID
        self.fireTime = fireTime
        self.queue = queue
        self.hasOwnID = hasOwnID
        self.format = format
        self.copies = copies
        self.placements = placements
    }

    /// When the job is due.
    public var fireDate: Date { fireTime.date }

    /// The job's key in the ledger.
    public var ledgerKey: LedgerKey {
        format == .goQueue ? LedgerKey(goQueue: jobID) : LedgerKey(queue: queue, id: jobID)
    }
}
