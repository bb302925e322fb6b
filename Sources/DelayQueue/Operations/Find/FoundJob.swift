public import Beanstalk
public import Foundation
public import NIOCore

/// A job as the nodes have it, with the ledger's word about it.
public struct FoundJob: Sendable, Identifiable {
    /// The job's id, as in its receipt; of a go-queue record its MD5.
    public let id: JobID

    public let format: RecordFormat

    public let fireDate: Date

    /// Empty where the record cannot be opened.
    public let headers: JobHeaders

    /// Nil where the record cannot be opened (``problem`` says why), or was not kept to save memory.
    public let body: ByteBuffer?

    /// Why nothing proves that a producer wrote it, or why it cannot be opened; nil where all is well.
    public let problem: String?

    /// How many copies the records declare; 0 where they cannot be counted: an own id, or go-queue's format.
    public let declaredCopies: Int

    /// The copies that were found.
    public internal(set) var copies: [Copy]

    /// How it stands by the ledger; nil where the ledger did not tell.
    public internal(set) var status: JobStatus?

    /// One copy, and where it is.
    public struct Copy: Sendable, Hashable {
        public let node: BeanstalkNode
        /// The tube that it is in: the node's, or the one of copies that stand by.
        public let tube: TubeName
        /// What the node calls it.
        public let id: BeanstalkJobID
        /// The server process, for which that number means this copy for good; nil before beanstalkd 1.7.
        public let serverID: ServerID?
        /// The copy's index, from 0; nil in go-queue's format.
        public let index: Int?
        /// Whether it stands by, to be ready only where it is needed.
        public let isStandby: Bool
        /// What the node says of it.
        public let statistics: JobStatistics
    }

    let key: LedgerKey
    let fireTime: Timestamp

    /// What the producer returned for it, but that of its copies only those are named that were found.
    ///
    /// With it ``Producer/revoke(_:)-(Receipt)`` takes the job back.
    public var receipt: Receipt { makeReceipt() }

    private func makeReceipt() -> Receipt {
        let placements = copies.enumerated().map { position, copy in
            Receipt.Placement(
                node: copy.node, index: copy.index ?? min(position, CopySet.maximumCount - 1), id: copy.id,
                serverID: copy.serverID)
        }
        return Receipt(
            jobID: id, fireTime: fireTime, queue: queue, hasOwnID: key.edition != nil || declaredCopies == 0,
            edition: key.edition, format: format, copies: declaredCopies, placements: placements)
    }

    let queue: TubeName
}
