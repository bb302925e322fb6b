import Beanstalk
import PipelinedTransport

extension ProducerCore {
    /// Jobs that are being taken back.
    struct Removal {
        enum Reason {
            /// Copies of jobs that a write did not get accepted; whoever scheduled them is told when it is over. Nobody
            /// is told of copies that were stored after their job had been withdrawn.
            case withdrawal(WriteID?, [Refusal])
            /// An accepted job.
            case revocation(CallID)
        }

        /// What the caller of a refused job is told.
        struct Refusal {
            let call: CallID
            let position: Int
            var error: DelayQueueError
            /// For a job that is too large: the bytes around its body.
            var overhead: Int?
        }

        var steps: JobRemoval
        var reason: Reason
        /// Nodes asked for their limit that have not answered.
        var limitsDue = 0
        var sizeLimit: Int?
    }

    // MARK: Begin

    /// Takes back what was written of refused jobs.
    mutating func withdraw(_ refused: [Int], of write: inout Write, _ id: WriteID) {
        let jobs = refused.map { ($0, write.fanOut.withdraw($0)) }
        let refusals = refused.map { refusal(of: $0, in: write) }
        remove(jobs, of: write, id, refusals: refusals)
    }

    /// - Parameter refusals: what callers are told in the end. There are none for copies that were stored after their
    ///   jobs were withdrawn: the withdrawal tells the callers, and marks the jobs where it can. An edition is withdrawn
    ///   again, which changes nothing.
    mutating func remove(
        _ copies: [(job: Int, [FanOut.Copy])], of write: Write, _ id: WriteID, refusals: [Removal.Refusal]
    ) {
        let jobs = copies.map { index, copies in
            let job = write.entries[index].job
            return JobRemoval.Job(
                id: job.id, key: key(of: job), fireTime: job.fireTime, declaredCopies: write.declaredCopies(of: index),
                hasFreshID: job.hasFreshID && !refusals.isEmpty, copies: copies)
        }
        let steps = JobRemoval(jobs, .withdrawal, hasLedger: hasLedger, timing: configuration.timing)
        advance(makeID(), Removal(steps: steps, reason: .withdrawal(id, refusals)))
    }

    /// Takes back editions whose callers are told already, or need not be.
    mutating func removeWithdrawn(_ jobs: [(PreparedJob, [FanOut.Copy])]) {
        let jobs = jobs.map { job, copies in
            JobRemoval.Job(
                id: job.id, key: key(of: job), fireTime: job.fireTime, declaredCopies: 0, hasFreshID: false,
                copies: copies)
        }
        let steps = JobRemoval(jobs, .withdrawal, hasLedger: hasLedger, timing: configuration.timing)
        advance(makeID(), Removal(steps: steps, reason: .withdrawal(nil, [])))
    }

    mutating func beginRevocation(of receipt: Receipt, for call: CallID) {
        let copies = receipt.placements.map { placement -> FanOut.Copy in
            // A copy elsewhere than on this producer's nodes is out of reach.
            guard let id = placement.id, let node = nodes.firstIndex(of: placement.node) else {
                return FanOut.Copy(index: placement.index, node: 0, answer: .unknown)
            }
            // On any connection to the process that gave the id, it means the copy as surely as on the one it came on.
            let isSame = placement.serverID != nil && generations[node]?.serverID == placement.serverID
            return FanOut.Copy(
                index: placement.index, node: node, answer: .stored(id), generation: isSame ? generations[node] : nil)
        }
        let job = JobRemoval.Job(
            id: receipt.jobID, key: receipt.ledgerKey, fireTime: receipt.fireTime, declaredCopies: receipt.copies,
            hasFreshID: !receipt.hasOwnID && receipt.format == .native, copies: copies)
        let steps = JobRemoval([job], .revocation, hasLedger: hasLedger, timing: configuration.timing)
        advance(makeID(), Removal(steps: steps, reason: .revocation(call)))
    }

    /// - Parameter job: nothing is known of its copies, whose consumers learn of it from the ledger.
    mutating func beginRevocation(ofID job: JobID, for call: CallID) {
        let job = JobRemoval.Job(
            id: job, key: LedgerKey(queue: queue, id: job), fireTime: nil, declaredCopies: 0, hasFreshID: false,
            copies: [])
        let steps = JobRemoval([job], .revocation, hasLedger: hasLedger, timing: configuration.timing)
        advance(makeID(), Removal(steps: steps, reason: .revocation(call)))
    }

    // MARK: Steps

    mutating func advance(_ id: RemovalID, _ removal: Removal) {
        var removal = removal
        guard let step = removal.steps.next() else { return askLimits(id, removal) }
        switch step {
        case .ask(let requests):
            actions.append(.ask(requests, .removal(id)))
        case .delete(let nodes):
            actions.append(.send(nodes.compactMap { commands(of: removal, id, to: $0) }))
        }
        removals[id] = removal
    }

    private func commands(of removal: Removal, _ id: RemovalID, to node: Int) -> NodeCommands? {
        let purpose: NodeCommands.Purpose =
            switch removal.reason {
            case .withdrawal(let write, _): .withdrawal(id, of: write)
            case .revocation(let call): .revocation(id, of: call)
            }
        let timeout = configuration.writeTimeout
        return switch removal.steps.command(to: node) {
        case .peek(let ids): NodeCommands(node: node, kind: .peek(ids), timeout: timeout, purpose: purpose)
        case .delete(let ids, let generation):
            NodeCommands(
                node: node, kind: .delete(ids), generation: generation, timeout: timeout, purpose: purpose)
        case nil: nil
        }
    }

    mutating func removalAnswered(_ id: RemovalID, _ results: [Result<LedgerReply, DelayQueueError>]) {
        guard var removal = removals.removeValue(forKey: id) else { return }
        removal.steps.ledgerAnswered(results)
        advance(id, removal)
    }

    mutating func removalAnswered(_ id: RemovalID, by node: Int, _ outcome: BatchOutcome<BeanstalkReply>) {
        guard var removal = removals.removeValue(forKey: id) else { return }
        removal.steps.answered(by: node, outcome)
        if let next = commands(of: removal, id, to: node) { actions.append(.send([next])) }
        if removal.steps.isDeleting { removals[id] = removal } else { advance(id, removal) }
    }

    // MARK: End

    /// Asks the nodes for their limit where a job was too large, so that the error can name the usable size.
    private mutating func askLimits(_ id: RemovalID, _ removal: Removal) {
        guard case .withdrawal(_, let refusals) = removal.reason, refusals.contains(where: { $0.overhead != nil })
        else {
            return end(removal)
        }
        var removal = removal
        removal.limitsDue = nodes.count
        removals[id] = removal
        let commands = nodes.indices.map {
            NodeCommands(node: $0, kind: .statistics, timeout: .seconds(1), purpose: .sizeLimit(id))
        }
        actions.append(.send(commands))
    }

    mutating func sizeLimitAnswered(_ id: RemovalID, _ outcome: BatchOutcome<BeanstalkReply>) {
        guard var removal = removals.removeValue(forKey: id) else { return }
        removal.limitsDue -= 1
        if case .ok(let text)? = outcome.replies.first, let limit = try? ServerStatistics(parsing: text).maxJobSize {
            removal.sizeLimit = min(removal.sizeLimit ?? limit, limit)
        }
        if removal.limitsDue > 0 { removals[id] = removal } else { end(removal) }
    }

    private mutating func end(_ removal: Removal) {
        switch removal.reason {
        case .withdrawal(_, let refusals):
            for (job, refusal) in refusals.enumerated() {
                var error = refusal.error
                error.sequel = removal.steps.sequel(of: job)
                // The same call again would run it once more.
                if error.hasRun { error.isRetriable = false }
                if let overhead = refusal.overhead, let limit = removal.sizeLimit {
                    error.message += "; at most \(max(limit - overhead, 0)) bytes fit into their limit of \(limit)"
                }
                conclude(refusal.call, refusal.position, .failure(error))
            }
        case .revocation(let call):
            let outcome = removal.steps.outcome.mapError {
                $0.adding("no copy was deleted, and whether the job is marked as revoked is not known: revoke it again")
            }
            actions.append(.answerRevocation(call, outcome))
        }
    }

    private func refusal(of index: Int, in write: Write) -> Removal.Refusal {
        let entry = write.entries[index]
        var overhead: Int?
        let error: DelayQueueError
        if write.cancelled.contains(entry.call) {
            error = DelayQueueError(
                .cancelled, "the task was cancelled before enough nodes had acknowledged the job")
        } else if isClosed {
            error = DelayQueueError(.closed, "the producer was closed before enough nodes had acknowledged the job")
        } else if write.bodyTooLarge.contains(index) {
            overhead = entry.job.overhead(
                copies: write.plan.copies, namesStandbys: write.fanOut.leadNode(of: index) != nil)
            error = DelayQueueError(
                .bodyTooLarge,
                "body of \(entry.job.bodySize) bytes is too large for the nodes; store it elsewhere, or start beanstalkd "
                    + "with a larger -z")
        } else {
            error = insufficientCopies(of: index, in: write)
        }
        return Removal.Refusal(call: entry.call, position: entry.position, error: error, overhead: overhead)
    }

    private func insufficientCopies(of index: Int, in write: Write) -> DelayQueueError {
        let written = write.fanOut.copies(of: index).count { if case .stored = $0.answer { true } else { false } }
        var failures = write.nodeErrors.sorted { $0.node < $1.node }.map {
            DelayQueueError.NodeFailure(node: nodes[$0.node], error: $0.value)
        }
        for node in write.plan.unplanned where write.nodeErrors[node] == nil {
            failures.append(.init(node: nodes[node], error: NodeNotWrittenTo.isNotAnswering))
        }
        if let node = write.fanOut.unsentLeadNode(of: index), write.nodeErrors[node] == nil {
            failures.append(.init(node: nodes[node], error: NodeNotWrittenTo.tooFewStandbys))
        }
        let least = configuration.minimumWritten
        return DelayQueueError(
            .insufficientCopies,
            written < least
                ? "\(written) of at least \(least) copies were written; the job was not accepted"
                : "\(written) copies were written, not all in time (writeTimeout); the job was not accepted",
            nodeFailures: failures)
    }
}

/// Why a node was not written to.
enum NodeNotWrittenTo: Error, CustomStringConvertible {
    /// It is within its backoff, or has not answered what it was sent before.
    case isNotAnswering
    /// It was to get the lead, which is put last.
    case tooFewStandbys

    var description: String {
        switch self {
        case .isNotAnswering: "not answering; it was not written to"
        case .tooFewStandbys: "not written to, as too few other nodes had stored the job"
        }
    }
}
