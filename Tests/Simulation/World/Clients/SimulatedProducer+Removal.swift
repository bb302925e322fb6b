import DelayQueue
import PipelinedTransport

extension SimulatedProducer {
    /// Deletes copies from their nodes, all nodes at once.
    func remove(
        _ targets: [CopyRemoval.Target], as deleter: Judge.Deleter, then: @escaping ([CopyRemoval.Result]) -> Void
    ) {
        var results: [CopyRemoval.Result] = Array(repeating: .gone, count: targets.count)
        let nodes = links.indices.filter { node in targets.contains { $0.node == node } }
        var open = nodes.count
        for node in nodes {
            let indexes = targets.indices.filter { targets[$0].node == node }
            proceed(CopyRemoval(indexes.map { targets[$0] }), on: node, as: deleter) { found in
                for (index, result) in zip(indexes, found) { results[index] = result }
                open -= 1
                if open == 0 { then(results) }
            }
        }
    }

    private func proceed(
        _ removal: CopyRemoval, on node: Int, as deleter: Judge.Deleter, then: @escaping ([CopyRemoval.Result]) -> Void
    ) {
        guard let command = removal.next else { return then(removal.results) }
        let commands: [NodeRequest.Command]
        var generation: ConnectionGeneration?
        switch command {
        case .peek(let ids): commands = ids.map { .peek($0) }
        case .delete(let ids, let connection):
            commands = ids.map { .delete($0, deleter) }
            generation = connection
        }
        var removal = removal
        send(
            NodeRequest(commands, generation: generation, sentAt: world.now) { [self] outcome in
                removal.answered(outcome)
                proceed(removal, on: node, as: deleter, then: then)
            }, to: node)
    }

    /// Takes an accepted job back.
    func revoke(_ receipt: Receipt, job: Int, then: @escaping () -> Void) {
        world.note("job \(job) is to be revoked")
        world.judge.willRevoke(job)
        // Without a ledger's word, or with half of the copies gone, nothing can be asked any more but that it is not
        // run where the answer says so.
        if !hasLedger { world.judge.revoked(job, nil) }
        proceed(Revocation(receipt, nodes: world.addresses, hasLedger: hasLedger), of: receipt, job: job, then: then)
    }

    private func proceed(_ revocation: Revocation, of receipt: Receipt, job: Int, then: @escaping () -> Void) {
        var revocation = revocation
        func ask(_ operation: LedgerRequest.Operation, _ note: @escaping (Result<LedgerReply, DelayQueueError>) -> Void)
        {
            let request = LedgerRequest(
                key: receipt.ledgerKey, operation: operation, timing: WorldOptions.timing)
            self.ask([request]) { results in
                note(results.first ?? .failure(DelayQueueError(.ledgerUnavailable, "")))
            }
        }
        switch revocation.next() {
        case .mark:
            ask(.revoke(fireDate: receipt.fireDate, copies: receipt.copies)) { [self] answer in
                revocation.marked(answer)
                proceed(revocation, of: receipt, job: job, then: then)
            }
        case .remove(let targets):
            remove(targets, as: .revocation(job: job)) { [self] results in
                revocation.removed(results)
                proceed(revocation, of: receipt, job: job, then: then)
            }
        case .forget(let deleted):
            ask(.forget(CopySet(deleted) ?? [], of: receipt.copies)) { [self] _ in
                proceed(revocation, of: receipt, job: job, then: then)
            }
        case nil:
            world.note("revocation of job \(job): \(revocation.outcome)")
            switch revocation.outcome {
            case .success(let outcome):
                // Of an own id other calls may have written copies that this receipt does not know.
                if hasLedger || !receipt.hasOwnID { world.judge.revoked(job, outcome) }
            case .failure: break
            }
            then()
        }
    }
}
