import DelayQueue
import Logging
import Metrics
import NIOCore
import PipelinedTransport
import ServiceContextModule
import Tracing

/// A type of jobs, with all that is done for each of them.
final class RegisteredHandler: Sendable {
    private struct Undecodable: Error {
        let reason: String
    }

    private let jobType: String
    private let spanName: String
    private let options: JobHandlerOptions
    private let limit: ConcurrencyLimit?
    let metrics: JobTypeMetrics
    private let handle: @Sendable (JobContext) async throws -> Void

    init<J: TypedJob>(
        _ type: J.Type, queue: JobQueue, options: JobHandlerOptions, middleware: [any JobMiddleware],
        _ handler: @escaping @Sendable (J, JobContext) async throws -> Void
    ) {
        jobType = J.jobName
        spanName = "\(queue.name) process"
        self.options = options
        limit = options.concurrency.map { ConcurrencyLimit($0) }
        metrics = JobTypeMetrics(queue: queue, type: J.jobName)
        var next: @Sendable (JobContext) async throws -> Void = { context in
            let value: J
            do {
                value = try J.codec.decode(J.self, from: context.job.body)
            } catch {
                throw Undecodable(reason: "the body is no \(J.jobName): \(error)")
            }
            try await handler(value, context)
        }
        for middleware in (middleware + options.middleware).reversed() {
            let inner = next
            next = { try await middleware.handle($0, next: inner) }
        }
        handle = next
    }

    /// Runs the handler for a job, and settles that as it ends.
    ///
    /// - Throws: what ended the run where its task was cancelled, by shutdown or a lost lease: the consumer gives the job back.
    func run(_ job: Job, queue: JobQueue, logger: Logger) async throws {
        guard limit?.enter() ?? true else {
            // Not counted as a run; others may have room for it.
            try await job.settling(logger) { () throws(DelayQueueError) in
                try await job.giveBack(after: .milliseconds(Int64.random(in: 1000...2000)))
            }
            return
        }
        defer { limit?.leave() }
        let clock = queue.configuration.clock
        let started = clock.read().uptime
        let run = metrics.began(at: started, lateness: job.lateness, isFirst: job.attempt == 1)
        var outcome = JobTypeMetrics.Outcome.returned
        defer {
            metrics.ended(run, from: started, to: clock.read().uptime, outcome)
        }
        do {
            try await traced(job, queue: queue, logger: logger, started: started)
        } catch {
            // By shutdown or a lost lease: what the handler makes of it is no failure of the job's. One that cancels its own task
            // has failed.
            if job.isRunCancelled || job.isLeaseLost { throw error }
            outcome = try await settle(job, after: error, logger: logger.telling(of: job, type: jobType))
            return
        }
        try await job.settling(logger) { () throws(DelayQueueError) in try await job.complete() }
        outcome = .completed
    }

    /// Runs the handler in a span that is linked to the one that scheduled the job. A tick's was scheduled by whichever worker
    /// came first, at nobody's request: its span begins a trace.
    private func traced(
        _ job: Job, queue: JobQueue, logger: Logger, started: Uptime
    ) async throws {
        func run(in context: ServiceContext) async throws {
            try await withinTimeout(
                JobContext(
                    jobType: jobType, job: job, logger: logger, serviceContext: context,
                    deadline: options.timeout.map { started + $0 }, clock: queue.configuration.clock),
                on: queue.eventLoop)
        }
        let outer = TickPlan.schedule(of: job) == nil ? ServiceContext.current ?? .topLevel : .topLevel
        // A span that nobody is told of would be a twentieth of what a job costs (`./dev bench --check`).
        if InstrumentationSystem.instrument is NoOpInstrument { return try await run(in: outer) }
        try await withSpan(spanName, context: outer, ofKind: .consumer) { span in
            if span.isRecording { describe(span, job, queue: queue) }
            do {
                try await run(in: span.context)
            } catch {
                span.fail(error, as: "\(type(of: error))")
                throw error
            }
        }
    }

    private func describe(_ span: any Span, _ job: Job, queue: JobQueue) {
        span.describe(.process, queue: queue.name, jobType: jobType)
        span.attributes["messaging.message.id"] = "\(job.id)"
        span.attributes["dq.job.attempt"] = job.attempt
        if let schedule = TickPlan.schedule(of: job) {
            span.attributes["dq.schedule"] = schedule
        } else if let origin = job.headers.origin {
            span.addLink(origin)
        }
    }

    /// Runs the handler in a task of its own, which a timer of the queue's event loop cancels.
    private func withinTimeout(_ context: JobContext, on eventLoop: any EventLoop) async throws {
        guard let timeout = options.timeout else { return try await handle(context) }
        let deadline = HandlerDeadline()
        let timer = eventLoop.scheduleTask(in: TimeAmount(timeout)) { deadline.pass() }
        defer { timer.cancel() }
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await withUnsafeCurrentTask { task in
                        deadline.begin(TaskInUse(task))
                        defer { deadline.end() }
                        try await self.handle(context)
                    }
                }
                try await group.next()
            }
        } catch {
            // What it makes of its cancellation does not matter, unless it says how its job is to go on; but where all of the
            // task was cancelled, that comes first.
            guard deadline.hasPassed, !context.job.isRunCancelled, !(error is JobVerdict) else { throw error }
            metrics.timedOut.increment()
            throw JobTimedOut(limit: timeout)
        }
    }

    // MARK: Settling

    private func settle(_ job: Job, after error: any Error, logger: Logger) async throws -> JobTypeMetrics.Outcome {
        let verdict =
            switch error {
            case let verdict as JobVerdict: verdict
            case let error as Undecodable: JobVerdict.bury(error.reason)
            default: options.retryPolicy.decide(error, job.failures + 1)
            }
        switch verdict.value {
        case .bury(let reason):
            logger.warning("a job is given up; it is dead until it is replayed", metadata: [LogKey.error: "\(reason)"])
            try await job.settling(logger) { () throws(DelayQueueError) in try await job.bury(reason: reason) }
            return .buried
        case .retry(let delay):
            logger.info(
                "a job failed, and runs again", metadata: [LogKey.error: "\(error)", LogKey.delay: "\(delay)"])
            try await job.settling(logger) { () throws(DelayQueueError) in try await job.retry(after: delay) }
            return .retried
        case .giveBack(let delay):
            try await job.settling(logger) { () throws(DelayQueueError) in try await job.giveBack(after: delay) }
            return .returned
        }
    }
}
