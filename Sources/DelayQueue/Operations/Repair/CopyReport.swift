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

    /// How many were not, as their jobs ended meanwhile, or are younger than a minute: whoever writes such a job may be at
    /// it still.
    public package(set) var passedOver = 0

    /// How many copies were found on each node.
    public package(set) var copies: [ServerAddress: Int] = [:]

    /// Nodes that were not looked through to the end, and why. What lies there is not known.
    public package(set) var unseenNodes: [ServerAddress: String] = [:]

    /// Nodes that did not take copies, with the last reason of each.
    public package(set) var refusals: [ServerAddress: String] = [:]

    /// Records that are no jobs, or not proven to be a producer's, or too large to be read; nothing is added to those.
    public package(set) var unreadableRecords = 0

    /// Whether each job that was found has the copies it was to have.
    public var isComplete: Bool { unseenNodes.isEmpty && missingCopies == addedCopies }

    package init() {}
}
