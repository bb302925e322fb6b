import Beanstalk

/// What all copies of one job, and no others, have in common.
struct JobName: Hashable {
    let id: JobID
    /// go-queue's jobs have ledger keys, and so names, of their own.
    let isGoQueue: Bool
    /// Two editions of an id are two jobs, of which the ledger lets one run.
    var edition: JobEdition?

    func ledgerKey(queue: TubeName) -> LedgerKey {
        isGoQueue ? LedgerKey(goQueue: id) : LedgerKey(queue: queue, id: id, edition: edition)
    }
}
