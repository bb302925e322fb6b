public import PipelinedTransport

/// What a look through all nodes found of a queue's copies, and what came of adding those that were missing.
public struct CopyReport: Sendable, Hashable {
    /// How many jobs were found.
    public package(set) var jobs = 0

    /// How many of them had fewer copies than planned.
    public package(set) var incompleteJobs = 0

    /// How many copies they lacked together.
    public package(set) var missingCopies = 0

    /// How many of those were written.
    public package(set) var addedCopies = 0

    /// How many were not, as their jobs had ended, by the ledger's word.
    public package(set) var endedMeanwhile = 0

    /// How many were not, as what was to be copied was gone, or younger than a minute: whoever writes such a job may be at
    /// it still.
    public package(set) var passedOver = 0

    /// How many were not, as the ledger did not tell how their jobs stand.
    public package(set) var untold = 0

    /// Why, of one of them; nil where there is none.
    public package(set) var ledgerProblem: String?

    /// How many copies were found on each node.
    public package(set) var copies: [ServerAddress: Int] = [:]

    /// Nodes that could not be looked through, and why. What lies there is not known, and nothing was written.
    public package(set) var unseenNodes: [ServerAddress: String] = [:]

    /// How many jobs of all nodes may not have been found, as jobs came and went meanwhile.
    public package(set) var mayHaveMissed = 0

    /// Nodes that did not take copies, with the last reason of each.
    public package(set) var refusals: [ServerAddress: String] = [:]

    /// Records that are no jobs, or not proven to be a producer's, or too large to be read; nothing is added to those.
    public package(set) var unreadableRecords = 0

    /// How many of those, and of copies put aside, are on nodes that were left out: they go with their nodes.
    public package(set) var leftBehind = 0

    /// Whether each job has the copies it was to have, and the nodes that were left out have nothing more.
    public var isComplete: Bool {
        unseenNodes.isEmpty && mayHaveMissed == 0 && leftBehind == 0
            && missingCopies == addedCopies + endedMeanwhile
    }

    package init() {}
}
