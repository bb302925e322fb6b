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
        if let ledger {
            guard let answer = await ledger.perform([revocation(of: receipt)]).first else {
                return .failure(DelayQueueError(.ledgerUnavailable, "the ledger gave no answer"))
            }
            switch answer {
            case .success(.revoked): break
            case .success(.running): return .success(.alreadyRunning)
            case .success(.alreadyDone): return .success(.alreadyDone)
            case .success(let reply):
                return .failure(
                    DelayQueueError(.ledgerRecordUnreadable, "the ledger answered \(reply) to a revocation"))
            case .failure(let error): return .failure(error)
            }
        }
        return .success(await removeCopies(of: receipt))
    }

    private func removeCopies(of receipt: Receipt) async -> RevokeOutcome {
        var isComplete = true
        var targets: [CopyRemoval.Target] = []
        for placement in receipt.placements {
            guard let id = placement.id, let node = nodes.firstIndex(of: placement.node) else {
                isComplete = false
                continue
            }
            targets.append(
                CopyRemoval.Target(node: node, id: id, jobID: receipt.jobID, copy: placement.index, generation: nil))
        }
        let removal = CopyRemoval(connections: connections, timeout: configuration.writeTimeout)
        var deleted: [Int] = []
        var gone = 0
        for (target, result) in zip(targets, await removal.remove(targets)) {
            switch result {
            case .deleted: deleted.append(target.copy)
            case .gone: gone += 1
            case .reserved, .unreachable:
                isComplete = false
                logger.debug(
                    "copy of a revoked job could not be deleted",
                    metadata: [LogKey.node: "\(nodes[target.node])", LogKey.job: "\(receipt.jobID)"])
            }
        }
        if let ledger {
            // Only saves memory: with all copies known deleted, the mark itself may go.
            if !deleted.isEmpty { _ = await ledger.perform([forgetting(deleted, of: receipt)]) }
            return .revoked
        }
        if isComplete, deleted.isEmpty, gone > 0 { return .alreadyDone }
        // A copy that is gone may have been run and deleted a moment ago.
        return isComplete && gone == 0 ? .revoked : .incomplete
    }
}
