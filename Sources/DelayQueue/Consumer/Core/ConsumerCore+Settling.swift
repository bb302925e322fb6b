import Beanstalk
import HeapModule

extension ConsumerCore {
    // MARK: From the application

    /// The application, or this consumer, ends a job's run.
    ///
    /// - Parameter waiter: told through ``Effect/settled(_:_:waiter:_:)``.
    package mutating func settle(_ id: HeldJobID, _ settlement: Settlement, waiter: UInt64?, now: Moment) {
        pace.step(now)
        guard let claim = jobs[id]?.claimInHand else {
            effects.append(.settled(id, settlement, waiter: waiter, .claimLost))
            return
        }
        let giveUpAt = now.uptime + settings.settleTimeout
        jobs.enter(
            .settling(claim, PendingSettlement(settlement: settlement, waiter: waiter, giveUpAt: giveUpAt)), id)
        askSettle(id, now: now)
    }

    /// Gives up a claim whose job was not delivered.
    mutating func giveBack(_ id: HeldJobID, _ claim: HeldClaim, now: Moment) {
        let giveUpAt = now.uptime + settings.settleTimeout
        jobs.enter(.settling(claim, PendingSettlement(settlement: .giveBack, giveUpAt: giveUpAt)), id)
        askSettle(id, now: now)
    }

    /// Sends the settlement to the ledger, the commit point of every run.
    mutating func askSettle(_ id: HeldJobID, now: Moment) {
        guard let (claim, pending) = jobs[id]?.settling(), let record = jobs[id]?.shared else { return }
        if record.isForeign {
            settleForeign(id, pending)
            return
        }
        switch pending.settlement {
        case .complete:
            ask(.complete(claim.owner, attempt: claim.attempt, copies: record.copies), id)
        case .retry(let delay):
            ask(.retry(claim.owner, attempt: claim.attempt, delay: delay), id)
        case .giveBack:
            ask(.release(claim.owner, attempt: claim.attempt), id)
        case .bury:
            askBury(id, claim, pending, now: now)
        }
    }

    /// A job is buried by one of its copies, whose kick count the ledger must know first.
    private mutating func askBury(
        _ id: HeldJobID, _ claim: HeldClaim, _ pending: PendingSettlement, now: Moment
    ) {
        guard let job = jobs[id] else { return }
        var pending = pending
        if let burying = pending.burying {
            declareDead(id, claim, burying.copy, kicks: burying.kicks, instead: pending.named.last)
        } else if let index = copyToName(job, but: pending.named) {
            pending.isWaitingForCopy = false
            jobs.enter(.settling(claim, pending), id)
            // Statistics are told to anybody. A copy that somebody else has by now may be about to be deleted.
            touch(copyAt: index, of: id)
            send(.inspect(job.copies[index].id), to: job.copies[index].node, for: id)
        } else if !pending.named.isEmpty {
            askForThemselves(id, now: now)
        } else if pending.waiter == nil {
            // None is at hand, and nobody waits: the ledger counts a failure, and the next claim buries it.
            pending.settlement = .retry(after: .zero)
            jobs.enter(.settling(claim, pending), id)
            ask(.retry(claim.owner, attempt: claim.attempt, delay: .zero), id)
        } else if now.uptime < pending.giveUpAt {
            pending.isWaitingForCopy = true
            jobs.enter(.settling(claim, pending), id)
            setAlarm(id, after: .seconds(1), now: now)
        } else {
            handBack(
                id, claim, pending,
                DelayQueueError(.nodeFailed, "no copy of the job could be reserved to be buried", isRetriable: true),
                now: now)
        }
    }

    /// A copy once named is not named again: a request to name another instead of it may still be on its way.
    private func copyToName(_ job: HeldJob, but named: [CopyIdentity]) -> Int? {
        job.copies.firstIndex { !$0.isLeftOver && !named.contains(identity(of: $0, job)) }
    }

    /// Names the copy that is about to be buried.
    mutating func declareDead(
        _ id: HeldJobID, _ claim: HeldClaim, _ copy: HeldCopy, kicks: Int, instead replaced: CopyIdentity?
    ) {
        guard let job = jobs[id] else { return }
        ask(
            .bury(
                claim.owner, attempt: claim.attempt, copy: identity(of: copy, job), kicks: kicks, instead: replaced),
            id)
    }

    /// The settlement failed for now: the application may try again, or drop the job for redelivery.
    private mutating func handBack(
        _ id: HeldJobID, _ claim: HeldClaim, _ pending: PendingSettlement, _ error: DelayQueueError, now: Moment
    ) {
        var claim = claim
        claim.isRenewing = false
        claim.renewAt = now.uptime
        jobs.enter(.claimed(claim), id)
        effects.append(.settled(id, pending.settlement, waiter: pending.waiter, error))
    }

    // MARK: From the ledger

    package mutating func ledgerAnswered(
        _ calls: [LedgerCall], _ results: [Result<LedgerReply, DelayQueueError>], sentAt: Moment, now: Moment
    ) {
        var isReached = false
        var isAway = false
        for index in 0..<min(calls.count, results.count) {
            switch results[index] {
            case .success: isReached = true
            case .failure(let error):
                let call = calls[index]
                // A login may well be confined to this library's keys: then only go-queue's records cannot be run.
                if error.code == .ledgerMisconfigured, !call.key.isSharedWithGoQueue {
                    effects.append(.misconfigured(error))
                }
                if error.isRetriable { isAway = true } else { isReached = true }
            }
        }
        if isReached {
            ledgerFailures = 0
            ledgerRetryAt = nil
        } else if isAway {
            ledgerFailures += 1
            ledgerRetryAt = now.uptime + ledgerRetryDelay
        }
        for (call, result) in zip(calls, results) {
            switch call.operation {
            case .claim(let owner, _, _, _):
                claimAnswered(call.job, owner: owner, result, sentAt: sentAt, now: now)
            case .renew(let owner, _, _):
                renewAnswered(call.job, owner: owner, result, sentAt: sentAt, now: now)
            case .complete(let owner, _, _), .retry(let owner, _, _), .release(let owner, _):
                settleAnswered(call.job, owner: owner, result, now: now)
            case .bury(let owner, _, let copy, _, let replaced):
                buryDeclared(call.job, owner: owner, copy: copy, instead: replaced, result, now: now)
            case .forget, .revoke, .status:
                // A failed forget costs a record its early end, nothing else.
                break
            }
        }
    }

    /// An answer to a request made before the present one, of another copy, says nothing about this one.
    private mutating func buryDeclared(
        _ id: HeldJobID, owner: ClaimOwner, copy: CopyIdentity, instead replaced: CopyIdentity?,
        _ result: Result<LedgerReply, DelayQueueError>, now: Moment
    ) {
        guard let job = jobs[id], case .settling(_, let pending) = job.phase, let burying = pending.burying,
            identity(of: burying.copy, job) == copy, pending.named.last == replaced
        else { return }
        settleAnswered(id, owner: owner, result, now: now)
    }

    private mutating func settleAnswered(
        _ id: HeldJobID, owner: ClaimOwner, _ result: Result<LedgerReply, DelayQueueError>, now: Moment
    ) {
        guard let (claim, settling) = jobs[id]?.settling(by: owner) else { return }
        var pending = settling
        switch result {
        case .success(.settled):
            settled(id, pending, now: now)
        case .success where !pending.named.isEmpty:
            askForThemselves(id, now: now)
        case .success:
            effects.append(.settled(id, pending.settlement, waiter: pending.waiter, .claimLost))
            loseClaim(id, now: now)
        case .failure(let error):
            pending.tries += 1
            if error.isRetriable, now.uptime < pending.giveUpAt {
                jobs.enter(.settling(claim, pending), id)
                setAlarm(id, after: ledgerRetryDelay, now: now)
            } else if pending.waiter != nil, error.leavesJobUnsettled {
                handBack(id, claim, pending, error, now: now)
            } else {
                if pending.named.isEmpty {
                    effects.append(.settled(id, pending.settlement, waiter: pending.waiter, error))
                }
                // The lease will run out by itself, and the copies go back for whoever claims then.
                releaseAll(id, delay: 1)
            }
        }
    }

    private mutating func settled(_ id: HeldJobID, _ pending: PendingSettlement, now: Moment) {
        switch pending.settlement {
        case .complete:
            if pending.deliversOnceSettled, let claim = jobs[id]?.settling()?.claim, let record = jobs[id]?.shared {
                demand = max(0, demand - 1)
                lastDelivery = now.uptime
                effects.append(.deliver(id, record, attempt: claim.attempt, failures: claim.failures))
            }
            effects.append(.settled(id, pending.settlement, waiter: pending.waiter, nil))
            deleteCopies(of: id, now: now)
        case .giveBack:
            effects.append(.settled(id, pending.settlement, waiter: pending.waiter, nil))
            // At once where the application wants it; else it goes to whoever does.
            if unmetDemand > 0 { hold(id, for: .zero, now: now) } else { releaseAll(id, delay: 0) }
        case .retry(let delay):
            effects.append(.settled(id, pending.settlement, waiter: pending.waiter, nil))
            hold(id, for: delay, now: now)
        case .bury(let reason):
            guard let job = jobs[id], case .settling(let claim, _) = job.phase, let burying = pending.burying
            else { return }
            if pending.named.isEmpty {
                effects.append(.settled(id, pending.settlement, waiter: pending.waiter, nil))
                effects.append(.buried(job.id, reason: reason, isAutomatic: pending.waiter == nil))
            }
            let named = pending.named + [identity(of: burying.copy, job)]
            guard job.index(of: burying.copy.id, on: burying.copy.node) != nil else {
                // It went with its connection.
                buryAnother(id, claim, than: named, now: now)
                return
            }
            jobs.enter(.burying(claim, named: named), id)
            send(.bury(burying.copy.id, priority: burying.copy.priority), to: burying.copy.node, for: id)
        }
    }

    /// A job to be run again after a delay: short waits are held here, long ones go back to the nodes.
    private mutating func hold(_ id: HeldJobID, for delay: Duration, now: Moment) {
        guard let job = jobs[id] else { return }
        guard !job.copies.isEmpty else {
            jobs.remove(id)
            return
        }
        job.due = now.wall + delay
        jobs.enter(.holding, id)
        if isDraining || delay > settings.holdHorizon {
            releaseAll(id, delay: secondsUntilDue(job, now: now))
        } else if delay > .zero {
            dueHeap.insert(DueJob(due: job.due, job: id))
        } else {
            claimIfDue(id, now: now)
        }
    }

    mutating func buryAnswered(_ id: HeldJobID, node: Int, copy: BeanstalkJobID, isBuried: Bool, now: Moment) {
        guard let job = jobs[id], case .burying(let claim, let named) = job.phase else { return }
        jobs.takeCopies(of: id) { $0.node == node && $0.id == copy }
        if isBuried {
            // Only now may the other copies go: the buried one is the job, and no longer in our hands.
            if job.copies.isEmpty { jobs.remove(id) } else { jobs.enter(.holding, id) }
            markLeftOver(id) { _ in true }
        } else if let claim {
            buryAnother(id, claim, than: named, now: now)
        } else {
            // Whoever reserves it next is told to bury it again.
            releaseAll(id, delay: 1)
        }
    }

    /// The copy the ledger named could not be buried: while another one is at hand, that is named and buried instead,
    /// or the job would hang on a copy that may be lost. Where somebody asked about the job by now the ledger refuses,
    /// and the copies here ask for themselves.
    private mutating func buryAnother(
        _ id: HeldJobID, _ claim: HeldClaim, than named: [CopyIdentity], now: Moment
    ) {
        var pending = PendingSettlement(
            settlement: .bury(reason: "again"), giveUpAt: now.uptime + settings.settleTimeout)
        pending.named = named
        jobs.enter(.settling(claim, pending), id)
        askSettle(id, now: now)
    }

    /// The copies at hand of a dead job ask what becomes of them. The named one comes back when its reservation ends, and
    /// is buried then.
    private mutating func askForThemselves(_ id: HeldJobID, now: Moment) {
        jobs.enter(.holding, id)
        if jobs[id]?.copies.isEmpty ?? true {
            jobs.remove(id)
        } else {
            park(id, for: .milliseconds(100), tries: 1, now: now)
        }
    }

    // MARK: Losing a claim

    private mutating func renewAnswered(
        _ id: HeldJobID, owner: ClaimOwner, _ result: Result<LedgerReply, DelayQueueError>, sentAt: Moment, now: Moment
    ) {
        guard let job = jobs[id], job.claimInHand?.owner == owner else { return }
        switch result {
        case .success(.renewed):
            job.changeClaim {
                $0.isRenewing = false
                $0.leaseEnd = sentAt.uptime + settings.lease
                $0.renewAt = sentAt.uptime + renewalInterval
                $0.gaveCopiesBack = false
            }
        case .success:
            loseClaim(id, now: now)
        case .failure:
            // Asked again at the next heartbeat; when the lease ends here first, the job is told.
            job.changeClaim {
                $0.isRenewing = false
                $0.renewAt = now.uptime
            }
        }
    }

    /// Another owner has the job: the application is told, and the copies wait here for how it ends.
    private mutating func loseClaim(_ id: HeldJobID, now: Moment) {
        guard let job = jobs[id] else { return }
        switch job.phase {
        case .claimed(let claim), .settling(let claim, _):
            if !claim.isReportedLost { effects.append(.leaseLost(id)) }
        default: break
        }
        // The application's handle keeps the old number, which settles nothing from now on.
        guard let next = jobs.renumber(id) else { return }
        if job.copies.isEmpty {
            jobs.remove(next)
        } else {
            park(next, for: .milliseconds(100), tries: 1, now: now)
        }
    }
}
