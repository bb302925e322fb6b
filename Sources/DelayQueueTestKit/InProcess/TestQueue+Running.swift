public import DelayQueue
public import DelayQueueJobs

extension TestQueue {
    /// Runs a worker for the duration of `body`, which begins once the worker asks for jobs, and has written the next ticks
    /// of its schedules, or tried to.
    ///
    /// Afterwards the worker takes no more jobs, and its handlers are waited for.
    ///
    /// - Parameter body: is given the worker's consumer, to ``crash(_:)`` it.
    /// - Throws: what `body` or the worker throws.
    public func running<R>(_ worker: Worker, _ body: (Consumer) async throws -> R) async throws -> R {
        let consumer = try worker.makeConsumer()
        let (ticks, areWritten) = AsyncStream.makeStream(of: Void.self)
        return try await running(consumer) {
            defer { areWritten.finish() }
            try await worker.run(with: consumer) { areWritten.finish() }
        } until: {
            for await _ in ticks {}
            return try await body(consumer)
        }
    }

    /// Runs a handler for the queue's jobs for the duration of `body`, as ``DelayQueue/Consumer/run(concurrency:_:)`` does.
    ///
    /// - Parameter body: is given the consumer, to ``crash(_:)`` it.
    /// - Throws: what `body` throws, and `invalidOption`.
    public func running<R>(
        concurrency: Int = 16, handler: @escaping @Sendable (Job) async throws -> Void,
        _ body: (Consumer) async throws -> R
    ) async throws -> R {
        let consumer = try queue.makeConsumer()
        return try await running(consumer) {
            try await consumer.run(concurrency: concurrency, handler)
        } until: {
            try await body(consumer)
        }
    }

    private func running<R>(
        _ consumer: Consumer, _ run: @escaping @Sendable () async throws -> Void, until body: () async throws -> R
    ) async throws -> R {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    try await run()
                } catch {
                    // Whoever waits for it to begin waits in vain.
                    await consumer.finish()
                    throw error
                }
            }
            // From now on the clock knows of the tasks that ask for jobs, and stands while they have one.
            await consumer.begun()
            let result: Result<R, any Error>
            do {
                result = .success(try await body())
                await consumer.finish()
            } catch {
                result = .failure(error)
                group.cancelAll()
            }
            // What is still to be done may take some of the clock's time.
            let ending = await whileTimePasses { await group.nextResult() }
            if case .failure(let error)? = ending, case .success = result { throw error }
            return try result.get()
        }
    }
}
