import DelayQueue
public import Foundation
import Logging
import NIOCore

/// A schedule that a worker keeps going.
struct RegisteredSchedule: Sendable {
    /// What is to be done with a tick's job.
    enum Decision: Sendable {
        case run
        /// It ends without running, for the reason.
        case pass(String)
        case giveBack(after: Duration)
    }

    /// So often a tick of a schedule, or of a form of it, that workers do not know goes back to the queue: while services
    /// are replaced, another worker may know it. After waits that grow to five minutes that is half an hour from when one
    /// of them first met it. What else gives a tick back, as the limit of its type, cannot be told from that here; so it is
    /// that late as well before it ends.
    private static let patience = (meetings: 12, lateness: Duration.seconds(1800))

    let plan: TickPlan
    let jobType: String
    private let request: @Sendable (Date, JobOptions) throws(DelayQueueError) -> JobRequest

    /// - Throws: `invalidOption`, `invalidBody`.
    init<J: TypedJob>(_ schedule: JobSchedule<J>) throws(DelayQueueError) {
        try ScheduleName.validate(schedule.name)
        try schedule.options.validate(schedule.name)
        let job = schedule.job
        let body = try JobRequest(job, after: .zero).bytes()
        plan = TickPlan(
            name: schedule.name, recurrence: schedule.recurrence, options: schedule.options,
            job: (J.jobName, Array(body.readableBytesView)))
        jobType = J.jobName
        request = { date, options throws(DelayQueueError) in try JobRequest(job, at: date, options: options) }
    }

    /// Writes a tick's job, unless it was written before. No trace goes with it: whoever else writes it has another one.
    func write(_ tick: Date, to producer: Producer) async throws(DelayQueueError) {
        var options = JobOptions(id: plan.id(of: tick))
        options.headers[TickPlan.header] = plan.name
        options.pastDates = .runImmediately
        do {
            _ = try await producer.schedule([try request(plan.date(of: tick), options)])[0].get()
        } catch  where error.code == .jobFinished || error.code == .idTaken {
            // It ran before, or runs.
        }
    }

    /// Schedules the job for now, as no tick's, and in the caller's trace.
    func trigger(_ producer: Producer) async throws(DelayQueueError) -> Receipt {
        var options = JobOptions()
        options.pastDates = .runImmediately
        return try await producer.publish([try request(producer.now, options)])[0].get()
    }

    /// What becomes of a tick's job that is due. Its successor has been written when this says that it runs.
    func decide(_ job: Job, queue: JobQueue, now: Date) async throws(DelayQueueError) -> Decision {
        guard let tick = plan.tick(of: job.id) else {
            return Self.wait(for: job, orPass: "the schedule \(plan.name) has changed")
        }
        // Given back, it is decided about again; once it failed, or its lease ended, it has been begun.
        let isNew = job.failures == 0 && job.endedLeases == 0
        let memory = isNew ? nil : queue.configuration.timing.retentionOfUnknownCopies
        if let next = plan.successor(of: tick, now: now, memory: memory) { try await write(next, to: queue.producer) }
        if plan.options.isPaused { return .pass("the schedule \(plan.name) is paused") }
        if isNew, plan.options.missedTicks == .skip, plan.isMissed(tick, now: now) {
            return .pass("the tick was missed")
        }
        if isNew, plan.options.overlap == .skip {
            let earlier = plan.ticks(before: tick).map { plan.id(of: $0) }
            if try await queue.producer.isAnyRunning(earlier) { return .pass("an earlier tick still runs") }
        }
        return .run
    }

    /// What becomes of a tick of a schedule that this worker does not have.
    static func decideUnknown(_ job: Job) -> Decision {
        wait(for: job, orPass: "no worker has its schedule any more")
    }

    private static func wait(for job: Job, orPass reason: String) -> Decision {
        // What failed, or ended with its lease, was begun by a worker that knew it.
        let meetings = max(1, job.attempt - job.failures - job.endedLeases)
        guard meetings <= patience.meetings || job.lateness < patience.lateness else { return .pass(reason) }
        return .giveBack(after: min(.seconds(5) * (1 << min(meetings - 1, 6)), .seconds(300)))
    }
}

/// A schedule of a worker, for whoever shows it.
public struct JobScheduleSummary: Sendable, Hashable {
    public let name: String
    /// The type of its jobs.
    public let jobType: String
    public let recurrence: Recurrence
    public let options: JobScheduleOptions
    /// The next tick after now; nil where there is none any more.
    public let next: Date?
}

private enum ScheduleName {
    static func validate(_ name: String) throws(DelayQueueError) {
        guard (1...60).contains(name.utf8.count), JobTypeName.isToken(name) else {
            throw DelayQueueError(
                .invalidOption,
                "the name \(name.debugDescription) of a schedule must be 1 to 60 letters, digits, dots, underscores and hyphens"
            )
        }
    }
}
