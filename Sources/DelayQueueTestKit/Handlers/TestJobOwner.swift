import DelayQueue
import NIOConcurrencyHelpers

/// Stands for the consumer of a job that a test made, and writes down how it was settled.
final class TestJobOwner: JobOwner {
    private let recorded = NIOLockedValueBox(TestRun.Outcome.running)

    var outcome: TestRun.Outcome { recorded.withLockedValue { $0 } }

    func settle(_ id: HeldJobID, _ settlement: Settlement) async -> DelayQueueError? {
        settleSoon(id, settlement)
        return nil
    }

    func settleSoon(_ id: HeldJobID, _ settlement: Settlement) {
        recorded.withLockedValue { outcome in
            outcome =
                switch settlement {
                case .complete: .completed
                case .retry(let delay): .retried(after: delay)
                case .giveBack(let delay): .givenBack(after: delay)
                case .bury(let reason): .buried(reason)
                }
        }
    }

    /// Nobody can ask for the outcome any more.
    func dropped(_ id: HeldJobID, job: JobID, isLeaseLost: Bool) {}

    /// It was settled before, and the first settlement counts.
    func report(_ error: DelayQueueError, of job: JobID) {}

    /// Nothing is left to chance, so that a test knows what to expect.
    func policyDelay(afterFailures failures: Int) -> Duration? {
        RetryPolicy().delay(afterFailures: failures, chance: 0)
    }
}
