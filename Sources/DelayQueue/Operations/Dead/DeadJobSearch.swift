/// Dead jobs that fit a filter.
public struct DeadJobSearch: Sendable {
    /// The one that was given up last comes first.
    public internal(set) var jobs: [DeadJob] = []

    /// How many may fit besides, as no copy of them could be looked into: their nodes are away, nothing is known of where
    /// they lie, or no key opens them.
    public internal(set) var unread = 0
}
