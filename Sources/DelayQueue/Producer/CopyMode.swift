/// When the copies of a job become ready.
public struct CopyMode: Hashable, Sendable, CustomStringConvertible {
    package enum Value: String, Sendable, CaseIterable {
        case standby, together
    }

    package let value: Value

    package init(_ value: Value) {
        self.value = value
    }

    /// One copy, the lead, is ready at the job's date; the others stand by, and are ready a second or two later unless
    /// they were deleted by then. The default.
    ///
    /// Consumers fetch one copy of a job and delete the others where they lie: a third less for nodes to do, and no work
    /// for other consumers. In the moment in which a node dies, jobs whose leads it had are late by up to two seconds.
    public static let standby = CopyMode(.standby)

    /// All copies are ready at the job's date, so that a node that dies makes no job late. Consumers fetch all of them.
    /// What go-queue's format does always.
    public static let together = CopyMode(.together)

    public var description: String { value.rawValue }
}
