import Logging

extension Consumer {
    /// Runs a handler for every job, several at a time: returning completes the job, throwing retries it.
    ///
    /// A job whose handler throws runs again after the retry policy's delay, and is buried once its failures are used
    /// up; with ``DeliveryGuarantee/atMostOnce`` it was completed before, and what the handler throws is only logged.
    /// Where the handler settles the job itself, nothing more is done. The handler's task is cancelled when the
    /// job's lease is lost, and when the task that runs this is cancelled; a handler that then throws
    /// `CancellationError` gives its job back without counting a failure.
    ///
    /// Returns after ``finish()`` or ``close(within:)``, once the handlers under way have ended.
    ///
    /// - Parameter concurrency: how many handlers run at once, at least 1.
    /// - Throws: `CancellationError`, or `DelayQueueError` with `ledgerMisconfigured`.
    public func run(
        concurrency: Int = 16, _ handler: @escaping @Sendable (Job) async throws -> Void
    ) async throws {
        guard concurrency > 0 else {
            throw DelayQueueError(.invalidOption, "concurrency is \(concurrency); it must be at least 1")
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<concurrency {
                group.addTask {
                    for try await job in self { await process(job, with: handler) }
                }
            }
            try await group.waitForAll()
        }
    }

    private func process(_ job: Job, with handler: @escaping @Sendable (Job) async throws -> Void) async {
        let failure = await run(handler, for: job)
        guard !job.handle.isCompleted else {
            if let failure {
                engine.logger.warning(
                    "handler failed; its job was completed before, at most once",
                    metadata: [LogKey.job: "\(job.id)", LogKey.error: "\(failure)"])
            }
            return
        }
        guard job.handle.state.isLive else { return }
        do {
            guard let failure else {
                try await job.complete()
                return
            }
            // Cancelled from outside, by shutdown or a lost lease: the job did not fail.
            if failure is CancellationError, Task.isCancelled || job.leaseLost {
                try await job.handle.settle(.giveBack)
                return
            }
            engine.logger.debug(
                "handler failed", metadata: [LogKey.job: "\(job.id)", LogKey.error: "\(failure)"])
            if let delay = engine.policyDelay(afterFailures: job.failures + 1) {
                try await job.retry(after: delay)
            } else {
                engine.logger.warning(
                    "handler failed too often; the job is buried",
                    metadata: [LogKey.job: "\(job.id)", LogKey.error: "\(failure)"])
                try await job.bury(reason: "\(failure)")
            }
        } catch {
            engine.report(error, of: job.id)
        }
    }

    /// - Returns: what the handler threw.
    private func run(
        _ handler: @escaping @Sendable (Job) async throws -> Void, for job: Job
    ) async -> (any Error)? {
        // A task of its own, so that losing the lease can cancel it; awaited right here, and cancelled with us.
        let task = Task { () -> (any Error)? in
            do {
                try await handler(job)
                return nil
            } catch {
                return error
            }
        }
        job.handle.state.onLeaseLost { task.cancel() }
        return await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
    }
}
