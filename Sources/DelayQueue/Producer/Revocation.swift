/// Takes an accepted job back: marked in the ledger first, where there is one, so that a copy out of reach never runs.
package struct Revocation {
    /// Carried out and answered one after the other.
    package enum Action: Sendable, Equatable {
        case mark
        case remove([CopyRemoval.Target])
        /// Only saves memory: with all copies known deleted, the mark itself may go.
        case forget([Int])
    }

    private enum Step {
        case marking, removing, forgetting, over
    }

    private let hasLedger: Bool
    private var step = Step.marking
    private var targets: [CopyRemoval.Target] = []
    /// Every copy's place is known, and it was there or is gone.
    private var isComplete = true
    private var deleted: [Int] = []
    private var gone = 0
    private var refusal: Result<RevokeOutcome, DelayQueueError>?

    /// - Parameter nodes: the producer's; copies elsewhere are out of reach.
    package init(_ receipt: Receipt, nodes: [BeanstalkNode], hasLedger: Bool) {
        self.hasLedger = hasLedger
        for placement in receipt.placements {
            guard let id = placement.id, let node = nodes.firstIndex(of: placement.node) else {
                isComplete = false
                continue
            }
            targets.append(
                CopyRemoval.Target(node: node, id: id, jobID: receipt.jobID, copy: placement.index, generation: nil))
        }
    }

    /// What to do now; nil where all is done.
    package mutating func next() -> Action? {
        if step == .marking {
            step = .removing
            if hasLedger { return .mark }
        }
        if step == .removing {
            step = .forgetting
            if !targets.isEmpty { return .remove(targets) }
        }
        if step == .forgetting {
            step = .over
            if hasLedger, !deleted.isEmpty { return .forget(deleted) }
        }
        return nil
    }

    /// The ledger's answer; without its word no copy is touched.
    package mutating func marked(_ answer: Result<LedgerReply, DelayQueueError>) {
        switch answer {
        case .success(.revoked): return
        case .success(.running): refusal = .success(.alreadyRunning)
        case .success(.alreadyDone): refusal = .success(.alreadyDone)
        case .success(let reply):
            refusal = .failure(
                DelayQueueError(.ledgerRecordUnreadable, "the ledger answered \(reply) to a revocation"))
        case .failure(let error): refusal = .failure(error)
        }
        step = .over
    }

    /// What became of the copies that were to be removed, in their order.
    package mutating func removed(_ results: [CopyRemoval.Result]) {
        for (target, result) in zip(targets, results) {
            switch result {
            case .deleted: deleted.append(target.copy)
            case .gone: gone += 1
            case .reserved, .unreachable: isComplete = false
            }
        }
    }

    package var outcome: Result<RevokeOutcome, DelayQueueError> {
        if let refusal { return refusal }
        if hasLedger { return .success(.revoked) }
        if isComplete, deleted.isEmpty, gone > 0 { return .success(.alreadyDone) }
        // A copy that is gone may have been run and deleted a moment ago.
        return .success(isComplete && gone == 0 ? .revoked : .incomplete)
    }
}
