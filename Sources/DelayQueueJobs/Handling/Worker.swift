public import DelayQueue
import Foundation
import Logging
import PipelinedTransport
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
    private var registeredSchedules: [String: RegisteredSchedule] = [:]

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
        if let timeout = options.timeout, timeout <= .zero || timeout > JobHandlerOptions.longestTimeout {
            throw DelayQueueError(
                .invalidOption,
                "timeout of \(J.jobName) is \(timeout); it must be more than zero and at most a century, or nil for none"
            )
        }
        if let limit = options.concurrency, limit < 1 {
            throw DelayQueueError(.invalidOption, "concurrency of \(J.jobName) is \(limit); it must be at least 1")
        }
        handlers[J.jobName] = RegisteredHandler(
            type, queue: queue, options: options, middleware: configuration.middleware, handler)
    }

    // MARK: Schedules

    /// Keeps a schedule going: the worker that starts writes its next tick, and so does the run of each tick.
    ///
    /// The type of its jobs needs a handler, as ``handle(_:options:_:)`` gives it, before the worker runs.
    ///
    /// - Throws: `invalidOption` where another schedule has its name or an option makes no sense; `invalidBody` where the job
    ///   does not encode.
    public mutating func schedule<J: TypedJob>(_ schedule: JobSchedule<J>) throws(DelayQueueError) {
        guard registeredSchedules[schedule.name] == nil else {
            throw DelayQueueError(
                .invalidOption, "there is a schedule \(schedule.name) already; give each a name of its own")
        }
        registeredSchedules[schedule.name] = try RegisteredSchedule(schedule)
    }

    /// The worker's schedules, by name.
    public var schedules: [JobScheduleSummary] {
        let now = queue.producer.now
        return registeredSchedules.values.map { schedule in
            JobScheduleSummary(
                name: schedule.plan.name, jobType: schedule.jobType, recurrence: schedule.plan.recurrence,
                options: schedule.plan.options, next: schedule.plan.next(after: now))
        }.sorted { $0.name < $1.name }
    }

    /// Runs a schedule's job now, beside its ticks.
    ///
    /// - Throws: `invalidOption` where there is no such schedule; and as scheduling a job does.
    @discardableResult
    public func trigger(schedule name: String) async throws(DelayQueueError) -> Receipt {
        guard let schedule = registeredSchedules[name] else {
            throw DelayQueueError(
                .invalidOption,
                "there is no schedule \(name); there are: \(registeredSchedules.keys.sorted().joined(separator: ", "))")
        }
        return try await schedule.trigger(queue.producer)
    }

    /// Keeps the next tick of each schedule written: the run of each tick writes its successor, but a tick may be revoked, or
    /// met by workers only that do not know its schedule.
    ///
    /// - Parameter whenTried: called once each has been tried.
    private func keepTicks(_ whenTried: () -> Void) async {
        guard !registeredSchedules.isEmpty else { return whenTried() }
        await queue.producer.settleTime()
        var failures = 0
        failures = await writeTicks() ? 0 : 1
        whenTried()
        while !Task.isCancelled {
            let wait = failures == 0 ? untilTicksPass : min(.milliseconds(250) * (1 << min(failures, 8)), .seconds(30))
            guard await queue.wakes(after: wait) else { return }
            failures = await writeTicks() ? 0 : failures + 1
            queue.rests()
        }
    }

    /// A minute after the first of the next ticks, but a day at most.
    private var untilTicksPass: Duration {
        let now = queue.producer.now
        let waits = registeredSchedules.values.compactMap { $0.plan.next(after: now)?.timeIntervalSince(now) }
        return min(.seconds(waits.min() ?? 86_400) + .seconds(60), .seconds(86_400))
    }

    /// - Returns: false where one could not be written.
    private func writeTicks() async -> Bool {
        var areWritten = true
        for schedule in registeredSchedules.values {
            guard let tick = schedule.plan.next(after: queue.producer.now) else { continue }
            do {
                try await schedule.write(tick, to: queue.producer)
            } catch {
                areWritten = false
                if Task.isCancelled { break }
                configuration.logger.warning(
                    "the next tick of a schedule could not be written; it is tried again",
                    metadata: [LogKey.schedule: "\(schedule.plan.name)", LogKey.error: "\(error)"])
            }
        }
        return areWritten
    }

    // MARK: Running

    /// Runs jobs until graceful shutdown, then for the deadline at most, or until cancellation.
    ///
    /// - Throws: `invalidConfiguration`; `invalidOption` where a schedule's jobs have no handler; `ledgerMisconfigured`;
    ///   `CancellationError` where its task is cancelled.
    public func run() async throws {
        try await run(with: try makeConsumer())
    }

    package func makeConsumer() throws(DelayQueueError) -> Consumer {
        try queue.makeConsumer { (consumer) throws(DelayQueueError) in
            // How often a job may fail is what the policies of its type say.
            consumer.retryPolicy.maximumFailures = .max
            configuration.adjust(&consumer)
            guard consumer.deliveryGuarantee == .atLeastOnce else {
                throw DelayQueueError(
                    .invalidOption,
                    "a worker settles its jobs itself, which at-most-once delivery does not allow; use a Consumer")
            }
        }
    }

    /// - Parameter whenStarted: called once the next tick of each schedule is written, or has been tried to be.
    package func run(with consumer: Consumer, whenStarted: @escaping @Sendable () -> Void = {}) async throws {
        for schedule in registeredSchedules.values where handlers[schedule.jobType] == nil {
            throw DelayQueueError(
                .invalidOption,
                "schedule \(schedule.plan.name) has jobs \(schedule.jobType), for which this worker has no handler")
        }
        defer { for handler in handlers.values { handler.metrics.stop() } }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                await keepTicks(whenStarted)
                return false
            }
            group.addTask {
                try await serve(consumer)
                return true
            }
            while let isOver = try await group.next(), !isOver {}
            group.cancelAll()
        }
    }

    private func serve(_ consumer: Consumer) async throws {
        let service = ConsumerService(
            consumer, concurrency: configuration.concurrency, shutdownDeadline: configuration.shutdownDeadline
        ) { job in
            try await handle(job)
        }
        try await service.run()
    }

    /// Runs the handler for one job that no consumer claimed, and settles it as that ended: for tests of handlers.
    package func run(_ job: Job) async {
        queue.configuration.clock.busyTasksChanged(by: 1)
        defer {
            for handler in handlers.values { handler.metrics.stop() }
            queue.rests()
        }
        let failure = await Consumer.run(unclaimed: job) { try await handle($0) }
        // As a consumer does. Where the handler settled the job itself that counts, and this is refused.
        if failure != nil { try? await job.giveBack() }
    }

    private func handle(_ job: Job) async throws {
        // First, as a tick whose type has no handler here may be known to another worker.
        if let schedule = TickPlan.schedule(of: job), try await !mayRun(job, of: schedule) { return }
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

    /// - Returns: false where the job of a schedule's tick is settled, and not to be run.
    private func mayRun(_ job: Job, of name: String) async throws -> Bool {
        let decision: RegisteredSchedule.Decision
        do {
            decision =
                try await registeredSchedules[name]?.decide(job, queue: queue, now: queue.producer.now)
                ?? RegisteredSchedule.decideUnknown(job)
        } catch {
            configuration.logger.warning(
                "a schedule's next tick could not be written; this one waits until it is",
                metadata: [LogKey.schedule: "\(name)", LogKey.job: "\(job.id)", LogKey.error: "\(error)"])
            decision = .giveBack(after: .seconds(1))
        }
        switch decision {
        case .run: return true
        case .pass(let reason):
            configuration.logger.info(
                "a tick of a schedule passes without running",
                metadata: [LogKey.job: "\(job.id)", LogKey.reason: "\(reason)"])
            try await job.settling(configuration.logger) { () throws(DelayQueueError) in try await job.complete() }
        case .giveBack(let delay):
            try await job.settling(configuration.logger) { () throws(DelayQueueError) in
                try await job.giveBack(after: delay)
            }
        }
        return false
    }

    private func bury(_ job: Job, _ reason: String) async throws {
        configuration.logger.warning(
            "a job is given up; it is dead until it is replayed",
            metadata: [LogKey.job: "\(job.id)", LogKey.reason: "\(reason)"])
        try await job.settling(configuration.logger) { () throws(DelayQueueError) in try await job.bury(reason: reason)
        }
    }
}

extension Job {
    /// Settles the job as its run ended. Where that fails the job goes back, as one whose run did not fail.
    func settling(
        _ logger: Logger, _ settle: () async throws(DelayQueueError) -> Void
    ) async throws {
        do {
            try await settle()
        } catch {
            logger.warning("job could not be settled", metadata: [LogKey.job: "\(id)", LogKey.error: "\(error)"])
            throw UnsettledRun()
        }
    }
}
