public import Beanstalk
public import Foundation
public import NIOCore

/// A copy that was put aside: buried on its node, where it stays until a person kicks or deletes it.
public struct CopyAside: Sendable {
    /// What kind of record it is, and so why it was put aside.
    public struct Kind: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String, Sendable {
            case foreign, unverified, oversized, late, job
        }

        private let value: Value

        /// It is no record of this library or go-queue: somebody else writes to the tube.
        public static let foreign = Kind(value: .foreign)

        /// Nothing proves that a producer wrote it, or no key here opens it.
        public static let unverified = Kind(value: .unverified)

        /// It is larger than is read here.
        public static let oversized = Kind(value: .oversized)

        /// Its date is longer ago than ledger records last, so that nobody knows whether it ran.
        public static let late = Kind(value: .late)

        /// A job's copy like any other. A person has buried it, or its node had no memory to queue it; or it was put aside
        /// by a consumer with another key, limit or policy.
        public static let job = Kind(value: .job)

        public var description: String { value.rawValue }
    }

    public let node: BeanstalkNode
    public let tube: TubeName
    /// What the node calls it.
    public let id: BeanstalkJobID
    /// The server process; nil before beanstalkd 1.7.
    public let serverID: ServerID?
    public let kind: Kind
    /// Why it could not be verified; nil for other kinds.
    public let problem: String?
    /// What the record says of itself, which nothing need prove; nil for foreign and oversized ones.
    public let jobID: JobID?
    /// As `jobID`.
    public let fireDate: Date?
    /// In bytes.
    public let size: Int
    /// The record as it is stored: anybody's bytes. Empty where it is larger than is read.
    public let record: ByteBuffer
    /// What the node says of it.
    public let statistics: JobStatistics
}

extension CopyAside {
    init(_ copy: FoundCopy, opening policy: SealPolicy, queue: TubeName, timing: LedgerTiming, now: Timestamp) {
        node = copy.node
        tube = copy.node.name(of: copy.tube)
        id = copy.id
        serverID = copy.server
        jobID = copy.record?.id
        fireDate = copy.record?.fireTime?.date
        size = copy.size
        record = copy.bytes
        statistics = copy.statistics
        var problem: String?
        switch copy.record.map({ _ in JobRecord(parsing: copy.bytes, opening: policy, queue: queue) }) {
        case nil: kind = .oversized
        case .foreign?: kind = .foreign
        case .unverified(let reason)?:
            // Where only sealed records run, a stranger's is foreign all the same.
            if case .foreign? = copy.record { kind = .foreign } else { kind = .unverified }
            problem = "\(reason)"
        case .native?, .goQueue?, .sealed?:
            let copies = copy.record?.copies ?? 0
            let age = copy.record?.fireTime?.duration(to: now) ?? .zero
            kind = age > timing.retention(ofCopies: copies) ? .late : .job
        }
        self.problem = problem
    }
}

/// Copies that were put aside, and how far the nodes were looked through for them.
public struct CopiesAside: Sendable {
    /// In no order.
    public internal(set) var copies: [CopyAside] = []

    public internal(set) var nodes: [JobSearch.Node] = []

    /// Whether there may be more, as the search ended at its limit.
    public internal(set) var isLimited = false
}
