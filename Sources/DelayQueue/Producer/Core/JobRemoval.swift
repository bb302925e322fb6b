package import Beanstalk
package import PipelinedTransport

/// Takes jobs back: marked in the ledger first, then deleted, then forgotten.
///
/// The order matters: a copy that cannot be deleted must not run, so the mark comes before anything else.
package struct JobRemoval {
    /// What the ledger's word decides.
    package enum Rule: Sendable {
        /// Jobs that were not accepted. Without the ledger's word their copies are deleted all the same, and the caller
        /// is told where a consumer may have had one before. Not so those of an edition: unless the ledger says that it is
        /// withdrawn, it may be its id's job by now, of which others were told.
        case withdrawal
        /// A job that was accepted. Without the ledger's word no copy of it is touched: half of them would be worse.
        case revocation
    }

    package struct Job: Sendable {
        package var id: JobID
        package var key: LedgerKey
        /// Nil where it is not known, and the job need not be marked where nothing is known of it at all.
        package var fireTime: Timestamp?
        /// How many copies its records declare.
        package var declaredCopies: Int
        /// Nobody can have used the id before, or will again.
        package var hasFreshID: Bool
        package var copies: [FanOut.Copy]

        package init(
            id: JobID, key: LedgerKey, fireTime: Timestamp?, declaredCopies: Int, hasFreshID: Bool,
            copies: [FanOut.Copy]
        ) {
            self.id = id
            self.key = key
            self.fireTime = fireTime
            self.declaredCopies = declaredCopies
            self.hasFreshID = hasFreshID
            self.copies = copies
        }

        /// Where there is a ledger: it was announced there.
        var isEdition: Bool { key.edition != nil }
    }

    /// Carried out and answered one after the other.
    package enum Step: Sendable, Equatable {
        case ask([LedgerRequest])
        /// Send these nodes their ``command(to:)``, and what follows of its answer, until there is none.
        case delete(nodes: [Int])
    }

    private struct State {
        /// The ledger has confirmed that nobody will run it.
        var isMarked = false
        /// Whether a consumer had claimed it before.
        var claim = Claim.none
        /// Copies that are certain not to exist.
        var deleted: [Int] = []
        /// Copies their nodes do not have: run and deleted, or lost.
        var gone = 0
        /// Copies that may exist.
        var left = 0
    }

    /// What the ledger says of a consumer that had claimed the job.
    private enum Claim {
        case none
        /// It does not say.
        case unknown
        /// It was claimed, and failed or was given back, or its lease ended.
        case ended
        /// It runs, or is over.
        case ran

        init(_ reply: LedgerReply) {
            self =
                switch reply {
                case .absent, .scheduled: .none
                case .waiting, .held(for: .zero): .ended
                case .held, .running, .alreadyDone, .finished(.done), .finished(.dead): .ran
                default: .unknown
                }
        }
    }

    /// Whether the copies of a job may be deleted by now.
    private func mayBeDeleted(_ job: Int) -> Bool {
        rule == .revocation || !hasLedger || !jobs[job].isEdition || states[job].isMarked
    }

    private enum Stage {
        case marking, deleting, forgetting, over
    }

    private let jobs: [Job]
    private let rule: Rule
    private let timing: LedgerTiming
    private let hasLedger: Bool
    private var stage = Stage.marking
    private var states: [State]
    /// The jobs whose marks were asked for.
    private var asked: [Int] = []
    /// The nodes on which copies are still to be deleted.
    private var nodes = PerNode<CopyRemoval>()
    private var refusal: Result<RevokeOutcome, DelayQueueError>?

    package init(_ jobs: [Job], _ rule: Rule, hasLedger: Bool, timing: LedgerTiming) {
        self.jobs = jobs
        self.rule = rule
        self.timing = timing
        self.hasLedger = hasLedger
        states = Array(repeating: State(), count: jobs.count)
    }

    /// Where there is something to delete.
    private mutating func look() {
        var targets = PerNode<[CopyRemoval.Target]>()
        for (position, job) in jobs.enumerated() {
            for copy in job.copies {
                switch copy.answer {
                case .stored where !mayBeDeleted(position): states[position].left += 1
                case .stored(let id):
                    targets[copy.node, default: []].append(
                        CopyRemoval.Target(
                            job: position, id: id, jobID: job.id, edition: job.key.edition, copy: copy.index,
                            generation: copy.generation))
                case .refused: states[position].deleted.append(copy.index)
                case .unknown: states[position].left += 1
                }
            }
        }
        for (node, targets) in targets { nodes[node] = CopyRemoval(targets) }
    }

    /// What to do now; nil where all is done.
    package mutating func next() -> Step? {
        if stage == .marking {
            stage = .deleting
            asked = hasLedger ? jobs.indices.filter(mayBeMarked) : []
            if !asked.isEmpty { return .ask(asked.flatMap(marking)) }
        }
        if stage == .deleting {
            stage = .forgetting
            look()
            if !nodes.isEmpty { return .delete(nodes: nodes.nodes) }
        }
        if stage == .forgetting {
            stage = .over
            // Only saves memory: with all copies known deleted, the mark itself may go.
            let forgettable = jobs.indices.filter {
                states[$0].isMarked && !states[$0].deleted.isEmpty && !jobs[$0].isEdition
            }
            if !forgettable.isEmpty { return .ask(forgettable.map(forgetting)) }
        }
        return nil
    }

    /// A withdrawal marks only where a copy may be left; and never an id that can come again: the caller's own without an
    /// edition, or go-queue's, which is a hash of the job. An edition is always withdrawn, as it was announced.
    private func mayBeMarked(_ job: Int) -> Bool {
        switch rule {
        case .revocation: true
        case .withdrawal:
            jobs[job].isEdition
                || jobs[job].hasFreshID
                    && jobs[job].copies.contains { if case .refused = $0.answer { false } else { true } }
        }
    }

    /// A revocation does not tell whether the job was claimed before, which a withdrawal must tell, so that is asked
    /// first; for a claim to come and go between the two requests there is no time.
    private func marking(_ job: Int) -> [LedgerRequest] {
        let mark = request(.revoke(fireDate: jobs[job].fireTime?.date, copies: jobs[job].declaredCopies), of: job)
        switch rule {
        case .revocation: return [mark]
        case .withdrawal:
            if jobs[job].isEdition {
                let isGone = jobs[job].copies.allSatisfy { if case .refused = $0.answer { true } else { false } }
                return [request(.withdraw(isGone: isGone), of: job)]
            }
            return [request(.status, of: job), mark]
        }
    }

    private func forgetting(_ job: Int) -> LedgerRequest {
        request(.forget(CopySet(states[job].deleted) ?? [], of: jobs[job].declaredCopies), of: job)
    }

    private func request(_ operation: LedgerRequest.Operation, of job: Int) -> LedgerRequest {
        LedgerRequest(key: jobs[job].key, operation: operation, timing: timing)
    }

    /// The ledger's replies to what was asked last.
    package mutating func ledgerAnswered(_ results: [Result<LedgerReply, DelayQueueError>]) {
        guard stage == .deleting else { return }
        switch rule {
        case .withdrawal:
            var answers = results[...]
            for job in asked { marked(job, answers.popFirst(), jobs[job].isEdition ? nil : answers.popFirst()) }
        case .revocation:
            for (position, job) in asked.enumerated() {
                let unanswered = DelayQueueError(.ledgerUnavailable, "the ledger gave no answer")
                revoked(job, position < results.count ? results[position] : .failure(unanswered))
            }
        }
    }

    /// - Parameter first: what was answered to the withdrawal of an edition, or else to the question for the status.
    private mutating func marked(
        _ job: Int, _ first: Result<LedgerReply, DelayQueueError>?, _ mark: Result<LedgerReply, DelayQueueError>?
    ) {
        states[job].claim = .unknown
        switch (first, mark) {
        case (.success(.withdrawn), nil) where jobs[job].isEdition:
            states[job].isMarked = true
            states[job].claim = .none
        case (.success(.finished(.withdrawn)), nil):
            // Before that it may have run.
            states[job].isMarked = true
            states[job].claim = .ended
        case (.success(let status), nil) where jobs[job].isEdition:
            // It is its id's, or nothing is known of it: its copies decide.
            let claim = Claim(status)
            if claim == .ran { states[job].claim = .ran }
        case (.success(let status), .success(.revoked)):
            states[job].isMarked = true
            states[job].claim = Claim(status)
        case (_, .success(let refusal)):
            // Between the two requests it may have begun, or ended.
            states[job].claim = Claim(refusal) == .ran ? .ran : .unknown
        default: break
        }
    }

    private mutating func revoked(_ job: Int, _ answer: Result<LedgerReply, DelayQueueError>) {
        switch answer {
        case .success(.revoked):
            states[job].isMarked = true
            return
        case .success(.running): refusal = .success(.alreadyRunning)
        case .success(.alreadyDone): refusal = .success(.alreadyDone)
        case .success(.absent): refusal = .success(.unknown)
        case .success(let reply):
            refusal = .failure(
                DelayQueueError(.ledgerRecordUnreadable, "the ledger answered \(reply) to a revocation"))
        case .failure(let error): refusal = .failure(error)
        }
        stage = .over
    }

    /// What to send to a node now; nil where nothing is left to be deleted there.
    package func command(to node: Int) -> CopyRemoval.Command? { nodes[node]?.next }

    /// Whether nodes have deletes left to do.
    package var isDeleting: Bool { stage == .forgetting && !nodes.isEmpty }

    package mutating func answered(by node: Int, _ outcome: BatchOutcome<BeanstalkReply>) {
        nodes[node]?.answered(outcome)
        guard let copies = nodes[node], copies.next == nil else { return }
        nodes[node] = nil
        for (target, result) in zip(copies.targets, copies.results) {
            switch result {
            case .deleted: states[target.job].deleted.append(target.copy)
            case .gone: states[target.job].gone += 1
            case .reserved, .unreachable: states[target.job].left += 1
            }
        }
    }

    // MARK: Outcomes

    /// What becomes of a job that was not accepted, of which its caller is told with the failure.
    package func sequel(of job: Int) -> DelayQueueError.Sequel {
        let state = states[job]
        if state.claim == .ran { return .hasRun }
        if (state.gone > 0 || state.left > 0) && !state.isMarked || state.claim == .unknown { return .mayFire }
        return state.claim == .ended ? .mayHaveRun : .none
    }

    /// What the caller of a revocation is told.
    package var outcome: Result<RevokeOutcome, DelayQueueError> {
        if let refusal { return refusal }
        if hasLedger { return .success(.revoked) }
        guard let state = states.first, state.left == 0, jobs.first?.copies.isEmpty == false else {
            return .success(.incomplete)
        }
        if state.gone == 0 { return .success(.revoked) }
        // A copy that is gone may have been run and deleted a moment ago.
        return .success(state.deleted.isEmpty ? .alreadyDone : .incomplete)
    }
}
