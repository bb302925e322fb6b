public import DelayQueue
public import DelayQueueJobs

extension TestQueue {
    /// Runs a worker for the duration of `body`, which begins once the worker has written the next ticks of its schedules,
    /// or tried to.
    ///
    /// Afterwards the worker takes no more jobs, and its handlers are waited for.
    ///
    /// - Throws: what `body` or the worker throws.
    public func running<R>(_ worker: Worker, _ body: (Consumer) async throws -> R) async throws -> R {
        let consumer = try worker.makeConsumer()
        let (started, hasStarted) = AsyncStream.makeStream(of: Void.self)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { hasStarted.finish() }
                try await worker.run(with: consumer) { hasStarted.finish() }
            }
            for await _ in started {}
            let result: Result<R, any Error>
            do {
                result = .success(try await body(consumer))
                await consumer.finish()
            } catch {
                result = .failure(error)
                group.cancelAll()
            }
            // What the worker still has to do may take some of its time.
            let ending = await whileTimePasses { await group.nextResult() }
            if case .failure(let error)? = ending, case .success = result { throw error }
            return try result.get()
        }
    }
}
