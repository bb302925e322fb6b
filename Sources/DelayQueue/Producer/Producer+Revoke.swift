import Beanstalk
import Logging

extension Producer {
    /// Takes a job back before it runs.
    ///
    /// With a ledger the job is marked first, so it never runs even where a copy is on a node that is down. Without one
    /// the copies are deleted, and the answer is `incomplete` where one of them is unreachable, held by a consumer, gone
    /// while others were there, or of unknown outcome. Cancellation does not interrupt a revocation once it has begun.
    ///
    /// - Returns: `revoked`, `alreadyRunning` (a consumer's lease is valid), `alreadyDone`, or `incomplete`.
    /// - Throws: `ledgerUnavailable` (the job may be marked or not, no copy was touched; try again), `ledgerMisconfigured`, `closed`.
    public func revoke(_ receipt: Receipt) async throws(DelayQueueError) -> RevokeOutcome {
        try beginCall()
        defer { endCall() }
        // A task of its own, awaited right here: deleting half of the copies would be worse than none.
        let result = await Task { await revokeUninterrupted(receipt) }.value
        if case .success(.revoked) = result { metrics.recordRevoked() }
        return try result.get()
    }

    private func revokeUninterrupted(_ receipt: Receipt) async -> Result<RevokeOutcome, DelayQueueError> {
        var revocation = Revocation(receipt, nodes: nodes, hasLedger: ledger != nil)
        while let action = revocation.next() {
            switch action {
            case .mark:
                let answer = await ledger?.perform([self.revocation(of: receipt)]).first
                revocation.marked(
                    answer ?? .failure(DelayQueueError(.ledgerUnavailable, "the ledger gave no answer")))
            case .remove(let targets):
                let results = await remove(targets)
                report(results, of: targets)
                revocation.removed(results)
            case .forget(let deleted):
                _ = await ledger?.perform([forgetting(deleted, of: receipt)])
            }
        }
        return revocation.outcome
    }

    private func report(_ results: [CopyRemoval.Result], of targets: [CopyRemoval.Target]) {
        for (target, result) in zip(targets, results) {
            switch result {
            case .deleted, .gone: break
            case .reserved, .unreachable:
                logger.debug(
                    "copy of a revoked job could not be deleted",
                    metadata: [LogKey.node: "\(nodes[target.node])", LogKey.job: "\(target.jobID)"])
            }
        }
    }
}
