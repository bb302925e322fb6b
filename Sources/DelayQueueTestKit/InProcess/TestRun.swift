public import DelayQueue
public import Foundation

/// A run of a job in a ``TestQueue``: what was claimed, and how that ended.
public struct TestRun: Sendable, Hashable {
    public let jobID: JobID

    /// The number of the claim, from 1.
    public let attempt: Int

    /// When the job was claimed, on the queue's clock.
    public let claimed: Date

    /// When the run ended; nil while it goes on.
    public internal(set) var ended: Date?

    public internal(set) var outcome = Outcome.running

    init(jobID: JobID, attempt: Int, claimed: Date) {
        self.jobID = jobID
        self.attempt = attempt
        self.claimed = claimed
    }

    /// How a run ended.
    public enum Outcome: Sendable, Hashable {
        case running
        case completed
        /// It failed, and runs again after a while.
        case retried(after: Duration)
        /// It counts as none, and the job may be claimed again after a while.
        case givenBack(after: Duration)
        /// It was given up, with the reason.
        case buried(String)
        /// Its lease was over, as its process had crashed or hung, or could not reach the ledger.
        case leaseEnded
    }
}
