public import DelayQueue
import Logging
public import ServiceLifecycle

/// Runs the jobs of a queue, each by the handler of its type.
///
/// ```swift
/// var worker = Worker(queue)
/// try worker.handle(SendInvoice.self) { job, context in
///     try await mailer.sendInvoice(job.number, logger: context.logger)
/// }
/// try await worker.run()
/// ```
///
/// A handler that returns completes its job; what one that throws means is said by its ``JobRetryPolicy``, or by itself
/// with a ``JobVerdict``. Whatever it throws after *our* cancellation, by shutdown or a lost lease, gives the job back
/// without counting a failure. Jobs whose type has no handler, and those that do not decode, are buried with the reason.
///
/// A worker is a value: register handlers first, then run it, alone or in a `ServiceGroup`.
public struct Worker: Service {
    private let queue: JobQueue
    private let configuration: WorkerConfiguration
    private var handlers: [String: RegisteredHandler] = [:]

    /// - Parameter queue: whose jobs are run. It is not closed by the worker.
    public init(_ queue: JobQueue, configuration: WorkerConfiguration = .init()) {
        self.queue = queue
        self.configuration = configuration
    }

    /// Handles the jobs of a type.
    ///
    /// - Parameter options: retries, time-out, limit and middleware of this type.
    /// - Parameter handler: runs in a task that is cancelled where the job's lease is lost, the worker ends, or the time-out
    ///   is over.
    /// - Throws: `invalidOption` where the type's name is none or has a handler already, or an option makes no sense.
    public mutating func handle<J: TypedJob>(
        _ type: J.Type, options: JobHandlerOptions = .init(),
        _ handler: @escaping @Sendable (J, JobContext) async throws -> Void
    ) throws(DelayQueueError) {
        try JobTypeName.validate(J.jobName, of: type)
        guard handlers[J.jobName] == nil else {
            throw DelayQueueError(.invalidOption, "jobs \(J.jobName) have a handler already; give each type one")
        }
        if let timeout = options.timeout, timeout <= .zero {
            throw DelayQueueError(.invalidOption, "timeout of \(J.jobName) is \(timeout); it must be more than zero")
        }
        if let limit = options.concurrency, limit < 1 {
            throw DelayQueueError(.invalidOption, "concurrency of \(J.jobName) is \(limit); it must be at least 1")
        }
        handlers[J.jobName] = RegisteredHandler(
            type, queue: queue.name, options: options, middleware: configuration.middleware, handler)
    }

    /// Runs jobs until graceful shutdown, then for the deadline at most, or until cancellation.
    ///
    /// - Throws: `invalidConfiguration`; `ledgerMisconfigured`; `CancellationError` where its task is cancelled.
    public func run() async throws {
        try await run(with: try makeConsumer())
    }

    package func makeConsumer() throws(DelayQueueError) -> Consumer {
        try queue.makeConsumer { consumer in
            // How often a job may fail is what the policies of its type say.
            consumer.retryPolicy.maximumFailures = .max
            configuration.adjust(&consumer)
        }
    }

    package func run(with consumer: Consumer) async throws {
        let service = ConsumerService(
            consumer, concurrency: configuration.concurrency, shutdownDeadline: configuration.shutdownDeadline
        ) { job in
            try await handle(job)
        }
        try await service.run()
    }

    private func handle(_ job: Job) async throws {
        guard let name = job.headers[JobTypeName.header] else {
            try await bury(job, "it has no type: its header \(JobTypeName.header) is missing")
            return
        }
        guard let handler = handlers[name] else {
            try await bury(job, "this worker has no handler for jobs \(name)")
            return
        }
        try await handler.run(job, queue: queue, logger: configuration.logger)
    }

    private func bury(_ job: Job, _ reason: String) async throws {
        configuration.logger.warning(
            "a job is given up; it is dead until it is replayed",
            metadata: ["dq.job": "\(job.id)", "dq.reason": "\(reason)"])
        try await job.bury(reason: reason)
    }
}
