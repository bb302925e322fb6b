public import DelayQueue
public import DelayQueueJobs
public import Foundation
public import Logging
import ServiceContextModule

extension JobContext {
    /// What a handler is called with in its unit test.
    ///
    /// ```swift
    /// let invoice = SendInvoice(number: 1)
    /// try await sendInvoice(invoice, JobContext.test(invoice, failures: 1))
    /// ```
    ///
    /// What the handler does with ``DelayQueueJobs/JobContext/job`` is told by `context.job.testOutcome`. The parameters are those
    /// of ``DelayQueue/Job``, and:
    ///
    /// - Parameters:
    ///   - timeRemaining: how long the handler may take, at whatever time it asks, a century at most; nil for as long as it likes.
    ///   - logger: gets the job's id, type and attempt, as a worker's does.
    /// - Throws: `invalidOption` where the type's name is none; `invalidBody`, `invalidHeader`, `dateTooFar`.
    public static func test<J: TypedJob>(
        _ job: J, id: JobID = .random(), headers: JobHeaders = [:], attempt: Int? = nil, failures: Int = 0,
        endedLeases: Int = 0, fireDate: Date = .now, lateness: Duration = .zero, isLeaseLost: Bool = false,
        timeRemaining: Duration? = nil, logger: Logger = Logger(label: "test")
    ) throws(DelayQueueError) -> JobContext {
        let job = try Job.test(
            job, id: id, headers: headers, attempt: attempt, failures: failures, endedLeases: endedLeases,
            fireDate: fireDate, lateness: lateness, isLeaseLost: isLeaseLost)
        let clock = StoppedClock()
        return JobContext(
            jobType: J.jobName, job: job, logger: logger,
            serviceContext: .current ?? .topLevel,
            deadline: timeRemaining.map { clock.read().uptime + max(.zero, min($0, JobHandlerOptions.longestTimeout)) },
            clock: clock)
    }
}

/// A clock that always shows the same, so that a test knows what time remains.
private struct StoppedClock: EngineClock {
    private let moment = Moment.now()

    func read() -> Moment { moment }

    var timerMargin: Duration { .zero }

    func busyTasksChanged(by change: Int) {}
}
