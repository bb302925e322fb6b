public import ServiceLifecycle

/// Runs a consumer's handler as a service.
///
/// On graceful shutdown it stops reserving, lets handlers finish within a deadline, cancels those that do not, settles,
/// and closes the consumer. That takes less than two seconds more than the deadline, whatever is away or hangs, unless a
/// handler ignores its cancellation: a job that could not be settled by then is logged, and runs again once its lease is
/// over.
public struct ConsumerService: Service {
    private let consumer: Consumer
    private let concurrency: Int
    private let shutdownDeadline: Duration
    private let handler: @Sendable (Job) async throws -> Void

    /// - Parameter concurrency: how many handlers run at once, at least 1.
    /// - Parameter shutdownDeadline: how long handlers may go on after graceful shutdown began. 30 seconds by default.
    public init(
        _ consumer: Consumer, concurrency: Int = 16, shutdownDeadline: Duration = .seconds(30),
        handler: @escaping @Sendable (Job) async throws -> Void
    ) {
        self.consumer = consumer
        self.concurrency = concurrency
        self.shutdownDeadline = shutdownDeadline
        self.handler = handler
    }

    /// Runs until graceful shutdown, then for the deadline at most, or until cancellation; and closes the consumer.
    ///
    /// - Throws: what ``Consumer/run(concurrency:_:)`` throws; nothing for handlers cancelled at the deadline.
    public func run() async throws {
        let result: Result<Void, any Error>
        do {
            let consumer = consumer
            try await withTaskCancellationHandler {
                try await runUntilShutdown()
            } onCancel: {
                // Its handlers are cancelled already.
                consumer.stop(after: Consumer.settlingGrace)
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        // Handlers have ended; what is left is the settling under way, for which there may be an earlier limit.
        await consumer.close(within: .seconds(5))
        try result.get()
    }

    private func runUntilShutdown() async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await consumer.run(concurrency: concurrency, handler)
                return true
            }
            group.addTask {
                do {
                    try await gracefulShutdown()
                } catch {
                    // Cancelled because the handlers ended first.
                    return false
                }
                consumer.stop(after: shutdownDeadline + Consumer.settlingGrace)
                await consumer.finish()
                do {
                    try await Task.sleep(for: shutdownDeadline)
                } catch {
                    return false
                }
                return true
            }
            // Ends when all handlers have, or when the deadline is over; the other task is cancelled and awaited.
            while let isOver = try await group.next(), !isOver {}
            group.cancelAll()
            do {
                while try await group.next() != nil {}
            } catch is CancellationError {
                // Handlers cancelled at the deadline gave their jobs back.
            }
        }
    }
}
