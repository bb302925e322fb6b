public import DelayQueue
public import DelayQueueJobs

extension TestQueue {
    /// Runs a worker's handler for one job, with its middleware, time-out and retry policy, and tells what they make of it.
    ///
    /// ```swift
    /// #expect(try await test.outcome(of: .test(SendInvoice(number: 1), failures: 2), by: worker) == .completed)
    /// ```
    ///
    /// Nothing is scheduled or claimed. The clock moves while the handler sleeps on it, and may be a second further on when this
    /// returns. How long a job that failed waits is a matter of chance too, unless the worker's policy says otherwise. Cancellation cancels the handler, and its job is then given back.
    ///
    /// - Parameters:
    ///   - job: made by `Job.test`.
    ///   - worker: one of this queue.
    /// - Throws: ``TestKitError`` with `notATestJob`, also for a job that was settled before.
    public func outcome(of job: Job, by worker: Worker) async throws -> TestRun.Outcome {
        switch job.testOutcome {
        case nil: throw TestKitError(.notATestJob, "job \(job.id) was claimed by a consumer; make one with Job.test")
        case .running?: break
        case let outcome?:
            throw TestKitError(.notATestJob, "job \(job.id) was \(outcome) before; make another one with Job.test")
        }
        await whileTimePasses(step: .seconds(1)) { await worker.run(job) }
        return job.testOutcome ?? .running
    }
}
