import DelayQueue

/// A job as its caller has it, and its number in the judge.
struct ScheduledJob {
    let job: PreparedJob
    let number: Int
}

extension World {
    func number(of job: PreparedJob) -> Int? {
        jobNumbers[
            job.isNative
                ? LedgerKey(queue: .default, id: job.id, edition: job.registration?.edition)
                : LedgerKey(goQueue: job.id)]
    }

    func number(of record: JobRecord) -> Int? {
        switch record {
        case .native(let envelope):
            jobNumbers[LedgerKey(queue: .default, id: envelope.id, edition: envelope.edition)]
        case .goQueue(let record): jobNumbers[LedgerKey(goQueue: record.id)]
        case .sealed, .foreign, .unverified: nil
        }
    }
}
