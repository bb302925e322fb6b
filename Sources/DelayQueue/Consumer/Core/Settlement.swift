/// How a run of a job ends.
package enum Settlement: Sendable, Equatable {
    case complete
    case retry(after: Duration)
    case bury(reason: String)
    /// The job was not run, or the application let go of it unsettled: it goes back to the queue, to be claimed after a
    /// while, and no failure is counted.
    case giveBack(after: Duration)

    var givesBack: Bool { if case .giveBack = self { true } else { false } }
}

/// A settlement on its way.
struct PendingSettlement {
    var settlement: Settlement
    /// Who is told how it ended.
    var waiter: UInt64?
    /// After this the waiter is told that the ledger could not be reached.
    let giveUpAt: Uptime
    var tries = 0
    /// Whether the job is delivered once the ledger has confirmed its completion, as at-most-once delivery demands.
    var deliversOnceSettled = false
}
