import Logging

extension Consumer {
    /// The most handlers that ``run(concurrency:_:)`` runs at once: each of them is a task, whether or not there is a job
    /// for it.
    public static let maximumConcurrency = 10_000

    /// Runs a handler for every job, several at a time: returning completes the job, throwing retries it.
    ///
    /// A job whose handler throws runs again after the retry policy's delay, and is given up once its failures are used
    /// up; with ``DeliveryGuarantee/atMostOnce`` it was completed before, and what the handler throws is only logged.
    /// Where the handler settles the job itself, nothing more is done. The handler's task is cancelled when the
    /// job's lease is lost, and when the task that runs this is cancelled; a handler that then throws, whatever it
    /// throws, gives its job back without counting a failure.
    ///
    /// Returns after ``finish()`` or ``close(within:)``, once the handlers under way have ended.
    ///
    /// - Parameter concurrency: how many handlers run at once, 1 to ``maximumConcurrency``.
    /// - Throws: `CancellationError`, or `DelayQueueError` with `ledgerMisconfigured` or, where that is not the
    ///   concurrency, `invalidOption`.
    public func run(
        concurrency: Int = 16, _ handler: @escaping @Sendable (Job) async throws -> Void
    ) async throws {
        guard (1...Self.maximumConcurrency).contains(concurrency) else {
            throw DelayQueueError(
                .invalidOption, "concurrency is \(concurrency); it must be 1 to \(Self.maximumConcurrency)")
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<concurrency { group.addTask { try await work(handler) } }
            try await group.waitForAll()
        }
    }

    /// Runs the handler for one job after the other.
    ///
    /// They all run in one task, because a task for each would cost more than claiming its job. Where a job loses its
    /// lease, that task is cancelled, and the handler with it; another task takes its place.
    private func work(_ handler: @escaping @Sendable (Job) async throws -> Void) async throws {
        let registration = Registration(engine: engine)
        var hasEnded = false
        while !hasEnded {
            hasEnded = try await withThrowingTaskGroup(of: Bool.self) { group in
                let outer = withUnsafeCurrentTask { TaskInUse($0) }
                group.addTask {
                    let jobs = Iterator(engine: engine, registration: registration)
                    return try await withUnsafeCurrentTask { task in
                        let watch = LeaseWatch(TaskInUse(task), within: outer)
                        return try await process(jobs, with: handler, watchedBy: watch)
                    }
                }
                do {
                    return try await group.next() ?? true
                } catch is CancellationError where !Task.isCancelled {
                    // The handler cancelled the task that it ran in. No other handler's task is to end for that.
                    return false
                }
            }
        }
    }

    /// - Returns: whether the stream has ended; false where a job lost its lease, and this task is no longer of use.
    private func process(
        _ jobs: Iterator, with handler: @Sendable (Job) async throws -> Void, watchedBy watch: LeaseWatch
    ) async throws -> Bool {
        var jobs = jobs
        while let job = try await jobs.next() {
            let end = await Self.run(job, with: handler, watchedBy: watch)
            await settle(job, after: end.failure, isCancelled: end.isCancelled)
            if watch.end() { return false }
        }
        return true
    }

    /// - Returns: what the handler threw, and whether it was cancelled, and not by itself.
    private static func run(
        _ job: Job, with handler: @Sendable (Job) async throws -> Void, watchedBy watch: LeaseWatch
    ) async -> (failure: (any Error)?, isCancelled: Bool) {
        watch.begin(job.handle.heldID)
        job.handle.state.beginRun(job.handle.heldID, under: watch)
        defer { job.handle.state.endRun() }
        do {
            try await handler(job)
            return (nil, watch.hasCancelled)
        } catch {
            return (error, watch.hasCancelled)
        }
    }

    /// Runs a handler for one job that no consumer claimed, in a task of its own, as ``run(concurrency:_:)`` does.
    ///
    /// - Returns: what the handler threw.
    package static func run(
        unclaimed job: Job, _ handler: @escaping @Sendable (Job) async throws -> Void
    ) async -> (any Error)? {
        await withTaskGroup(of: (any Error)?.self) { group in
            let outer = withUnsafeCurrentTask { TaskInUse($0) }
            group.addTask {
                await withUnsafeCurrentTask { task in
                    await run(job, with: handler, watchedBy: LeaseWatch(TaskInUse(task), within: outer)).failure
                }
            }
            return await group.next() ?? nil
        }
    }

    /// - Parameter failure: what the handler threw.
    /// - Parameter isCancelled: whether the handler was cancelled, and not by itself.
    private func settle(_ job: Job, after failure: (any Error)?, isCancelled: Bool) async {
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
            // By shutdown or a lost lease: the job did not fail, whatever its clients make of their cancellation.
            if isCancelled || job.isLeaseLost || failure is UnsettledRun {
                if isCancelled, !job.isLeaseLost {
                    engine.logger.warning(
                        "a handler was cut short as its consumer ends; its job goes back to the queue",
                        metadata: [LogKey.job: "\(job.id)", LogKey.error: "\(failure)"])
                }
                try await job.handle.settle(.giveBack(after: .zero))
                return
            }
            engine.logger.debug(
                "handler failed", metadata: [LogKey.job: "\(job.id)", LogKey.error: "\(failure)"])
            if let delay = engine.policyDelay(afterFailures: job.failures + 1) {
                try await job.retry(after: delay)
            } else {
                engine.logger.warning(
                    "handler failed too often; the job is dead until it is replayed",
                    metadata: [LogKey.job: "\(job.id)", LogKey.error: "\(failure)"])
                try await job.bury(reason: "\(failure)")
            }
        } catch {
            engine.report(error, of: job.id)
        }
    }
}

/// What a handler throws that settles its job itself, and could not: the run did not fail, and the job goes back.
package struct UnsettledRun: Error {
    package init() {}
}
