import DelayQueue
import DelayQueueJobs

/// Fires a reminder. It tells which, and no more: what is true of a reminder is in the store.
struct RemindJob: TypedJob {
    static let jobName = "remind"
    let reminder: JobID
}

/// Tells how many reminders have fired.
struct DigestJob: TypedJob {
    static let jobName = "digest"
}

/// Schedules reminders whose scheduling failed.
struct SweepJob: TypedJob {
    static let jobName = "sweep"
}
