import DelayQueue
import DelayQueueJobs
import Foundation
import Logging

/// Creates reminders, takes them back and fires them: all that has to do with the queue.
///
/// Each change is made in the store first, which decides; the queue sees to it that something happens in time.
struct Planner: Sendable {
    let queue: JobQueue
    let store: ReminderStore
    let feed: EventFeed
    /// When digests are made, as a crontab.
    let digests: String
    /// How often it is looked for reminders whose scheduling failed.
    var sweeps = Duration.seconds(300)
    /// How long a delivery may take.
    var timeout = Duration.seconds(30)
    var logger = Logger(label: "Reminders")
    /// Where a mail would be sent. It happens at least once: again where the process dies between this and the store.
    var deliver: @Sendable (Reminder) async throws -> Void = { _ in }

    func create(_ text: String, due: Date) async throws -> Reminder {
        // To the millisecond, as the store keeps it: then it is the same date whoever schedules it.
        let reminder = Reminder(
            text: text, due: Date(timeIntervalSince1970: (due.timeIntervalSince1970 * 1000).rounded() / 1000))
        try await store.insert(reminder)
        try feed.send("reminder", reminder)
        do {
            try await schedule(reminder)
        } catch {
            // Nor is it lost where the process dies here.
            logger.warning("a reminder is not scheduled yet; the next sweep does it", metadata: ["error": "\(error)"])
        }
        return reminder
    }

    /// - Returns: nil where it does not wait (any more).
    func revoke(_ id: JobID) async throws -> Reminder? {
        guard let reminder = try await store.revoke(id) else { return nil }
        try feed.send("reminder", reminder)
        // It saves the run; one that comes all the same finds that nothing waits.
        _ = try? await queue.revoke(id)
        return reminder
    }

    private func schedule(_ reminder: Reminder) async throws {
        let options = JobOptions(id: reminder.id, pastDates: .runImmediately)
        do {
            try await queue.schedule(RemindJob(reminder: reminder.id), at: reminder.due, options: options)
        } catch {
            // Scheduled by an earlier call, whose answer was lost, it has its job.
            guard error.code == .idTaken || error.code == .jobFinished else { throw error }
        }
        try await store.scheduled(reminder.id)
    }

    /// The worker that runs the jobs. Any number of processes may run one.
    func makeWorker() throws -> Worker {
        var worker = Worker(queue)
        var options = JobHandlerOptions()
        options.timeout = timeout
        try worker.handle(RemindJob.self, options: options) { job, context in
            guard let reminder = try await store.begin(job.reminder, attempt: context.attempt) else { return }
            try await deliver(reminder)
            guard let fired = try await store.fire(job.reminder, attempt: context.attempt) else { return }
            try feed.send("reminder", fired)
        }
        try worker.handle(DigestJob.self) { _, context in
            guard let digest = try await store.digest(context.id, at: context.fireDate) else { return }
            try feed.send("digest", digest)
        }
        try worker.handle(SweepJob.self) { _, _ in
            for reminder in try await store.unscheduled() { try await schedule(reminder) }
        }
        try worker.schedule(JobSchedule("digest", .crontab(digests), DigestJob()))
        try worker.schedule(JobSchedule("sweep", .every(sweeps), SweepJob()))
        return worker
    }
}
