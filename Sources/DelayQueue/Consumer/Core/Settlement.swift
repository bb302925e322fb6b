/// How a run of a job ends.
package enum Settlement: Sendable, Equatable {
    case complete
    case retry(after: Duration)
    case bury(reason: String)
    /// Unrun, or dropped: back to the queue at once, without counting a failure.
    case giveBack
}

/// A settlement on its way.
struct PendingSettlement {
    var settlement: Settlement
    /// Who is told how it ended.
    var waiter: UInt64?
    /// After this the waiter is told that the ledger could not be reached.
    let giveUpAt: Uptime
    var tries = 0
    /// The job is delivered once it is known to be completed, and to at most one application.
    var deliversOnceSettled = false
}
