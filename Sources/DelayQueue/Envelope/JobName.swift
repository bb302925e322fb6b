import Beanstalk

/// What all copies of one job, and no others, have in common.
struct JobName: Hashable {
    let id: JobID
    /// go-queue's jobs have ledger keys, and so names, of their own.
    let isGoQueue: Bool

    func ledgerKey(queue: TubeName) -> LedgerKey {
        isGoQueue ? LedgerKey(goQueue: id) : LedgerKey(queue: queue, id: id)
    }
}
