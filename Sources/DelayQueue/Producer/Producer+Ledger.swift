extension Producer {
    private nonisolated func key(of job: PreparedJob) -> LedgerKey {
        job.isNative ? LedgerKey(queue: queue, id: job.id) : LedgerKey(goQueue: job.id)
    }

    nonisolated func revocation(of job: PreparedJob, copies: Int) -> LedgerRequest {
        LedgerRequest(
            key: key(of: job),
            operation: .revoke(fireDate: job.fireTime.date, copies: job.declaredCopies(copies)),
            timing: configuration.timing)
    }

    nonisolated func revocation(of receipt: Receipt) -> LedgerRequest {
        LedgerRequest(
            key: receipt.ledgerKey, operation: .revoke(fireDate: receipt.fireDate, copies: receipt.copies),
            timing: configuration.timing)
    }

    nonisolated func forgetting(_ deleted: [Int], of job: PreparedJob, copies: Int) -> LedgerRequest {
        LedgerRequest(
            key: key(of: job),
            operation: .forget(CopySet(deleted) ?? [], of: job.declaredCopies(copies)), timing: configuration.timing)
    }

    nonisolated func forgetting(_ deleted: [Int], of receipt: Receipt) -> LedgerRequest {
        LedgerRequest(
            key: receipt.ledgerKey, operation: .forget(CopySet(deleted) ?? [], of: receipt.copies),
            timing: configuration.timing)
    }

    nonisolated func statusRequest(of job: PreparedJob) -> LedgerRequest {
        LedgerRequest(key: key(of: job), operation: .status, timing: configuration.timing)
    }
}
