import DelayQueue

/// A job as its caller has it, and its number in the judge.
struct ScheduledJob {
    let job: PreparedJob
    let number: Int
}
