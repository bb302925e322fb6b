public import PipelinedTransport

/// What a search for jobs came to.
public struct JobSearch: Sendable {
    /// What was found, by fire date.
    public internal(set) var jobs: [FoundJob] = []

    /// How far each node was looked through.
    public internal(set) var nodes: [Node] = []

    /// How the job of the id stands by the ledger, where one id was asked for, also if no copy was found.
    public internal(set) var status: JobStatus?

    /// Why the ledger did not tell how the jobs stand; nil where it did.
    public internal(set) var ledgerProblem: DelayQueueError?

    /// How many copies could not be looked into: sealed ones that no key opens, and records larger than are read.
    public internal(set) var unread = 0

    /// Whether there may be more jobs, as the search ended at its limit. Then copies of those found may be missing too.
    public internal(set) var isLimited = false

    /// How one node was looked through.
    public struct Node: Sendable, Hashable {
        public let address: ServerAddress
        /// Why it was not looked through to the end; nil where nothing failed.
        public let problem: String?
        /// How many copies that were there from the beginning to the end may not have been seen; nil where nothing is
        /// known of that.
        public let mayHaveMissed: Int?
        /// How many of the node's numbers were looked at.
        public let looked: UInt64
        /// How many jobs it has, whosever they are; nil where it did not tell.
        public let jobs: Int?
        /// How many of them were seen.
        public let seen: Int
    }

    /// Whether every job that fits, and every copy of it, was found.
    public var isComplete: Bool {
        !isLimited && unread == 0 && nodes.allSatisfy { $0.problem == nil && $0.mayHaveMissed == 0 }
    }
}

extension JobSearch.Node {
    init(_ sweep: NodeSweep) {
        self.init(
            address: sweep.node.address, problem: sweep.failure.map { "\($0)" },
            mayHaveMissed: sweep.ids.flatMap { sweep.failure == nil && $0.isOver ? $0.mayHaveMissed : nil },
            looked: sweep.ids?.looked ?? 0, jobs: sweep.ids?.expected, seen: sweep.ids?.found ?? 0)
    }
}

extension JobSearch.Node {
    init(_ look: QueueOperations.Look) {
        self.init(
            address: look.address, problem: look.problem, mayHaveMissed: look.problem == nil ? 0 : nil,
            looked: UInt64(look.asked), jobs: nil, seen: look.copies.count)
    }
}
