public import DelayQueue
public import Foundation
public import Logging
public import ServiceContextModule

/// What a handler knows of the run of its job, besides the job itself.
public struct JobContext: Sendable {
    /// The kind of job, as its type names it.
    public let jobType: String

    /// The job, with its body as bytes. The worker settles it.
    public let job: Job

    /// Tells of the job in each message: its id, type and attempt.
    ///
    /// It is made when it is asked for, since most runs log nothing: what logs a lot keeps it.
    public var logger: Logger {
        get { ownLogger ?? workersLogger.telling(of: job, type: jobType) }
        set { ownLogger = newValue }
    }

    private let workersLogger: Logger
    private var ownLogger: Logger?

    /// The trace that the run belongs to.
    public var serviceContext: ServiceContext

    /// By when the handler's time-out cancels it; nil where it has none.
    let deadline: Uptime?

    let clock: any EngineClock

    /// - Parameter logger: tells of no job yet.
    package init(
        jobType: String, job: Job, logger: Logger, serviceContext: ServiceContext, deadline: Uptime?,
        clock: any EngineClock
    ) {
        self.jobType = jobType
        self.job = job
        workersLogger = logger
        self.serviceContext = serviceContext
        self.deadline = deadline
        self.clock = clock
    }

    public var id: JobID { job.id }

    /// The number of this run, from 1. It rises with every claim, so a store that remembers the highest it has seen can
    /// refuse a stale run (fencing). Where the ledger lost its records it begins at 1 again.
    public var attempt: Int { job.attempt }

    /// How many runs failed before this one.
    public var failures: Int { job.failures }

    public var fireDate: Date { job.fireDate }

    /// How long after its fire date the job was delivered.
    public var lateness: Duration { job.lateness }

    public var headers: JobHeaders { job.headers }

    /// Whether another worker may run the job by now. The handler's task is cancelled then as well.
    public var isLeaseLost: Bool { job.isLeaseLost }

    /// How long the handler may still take; nil where it has no time-out.
    public var timeRemaining: Duration? { deadline.map { max(.zero, $0 - clock.read().uptime) } }
}

extension Logger {
    /// One that tells of a job in each message.
    package func telling(of job: Job, type: String) -> Logger {
        var logger = self
        logger[metadataKey: LogKey.job] = "\(job.id)"
        logger[metadataKey: LogKey.type] = "\(type)"
        logger[metadataKey: LogKey.attempt] = "\(job.attempt)"
        return logger
    }
}
