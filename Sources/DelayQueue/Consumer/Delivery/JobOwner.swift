/// What a job in the application's hands asks of whoever gave it out: the engine of a consumer, or a test of a handler.
package protocol JobOwner: Sendable {
    /// - Returns: nil once the settlement is confirmed.
    func settle(_ id: HeldJobID, _ settlement: Settlement) async -> DelayQueueError?

    /// Nobody waits for the outcome.
    func settleSoon(_ id: HeldJobID, _ settlement: Settlement)

    /// The last value of the job is gone, and it was not settled.
    func dropped(_ id: HeldJobID, job: JobID, isLeaseLost: Bool)

    /// A settlement that nobody waits for was refused.
    func report(_ error: DelayQueueError, of job: JobID)

    /// How long a job waits after so many failures; nil where they are used up.
    func policyDelay(afterFailures failures: Int) -> Duration?
}
