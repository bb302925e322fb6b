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

    /// Gives back a claim whose job was not delivered.
    mutating func giveBack(_ id: HeldJobID, _ claim: HeldClaim, now: Moment) {
        let giveUpAt = now.uptime + settings.settleTimeout
        jobs.enter(.settling(claim, PendingSettlement(settlement: .giveBack(after: .zero), giveUpAt: giveUpAt)), id)
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
        case .giveBack(let delay):
            ask(.release(claim.owner, attempt: claim.attempt, delay: delay), id)
        case .bury(let reason):
            ask(.bury(claim.owner, attempt: claim.attempt, deathReport(of: id, reason: reason)), id)
        }
    }

    /// The settlement failed for now: the application may try again, or let go of the job for redelivery.
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
            case .success(.checkedIn(let time, let pauseEnd)):
                // That a board can be written does not show that a record can be made.
                if ledgerFailures == 0 { isReached = true }
                timeTold(time, sentAt: sentAt, now: now)
                told(pausedUntil: pauseEnd, at: time, now: now)
            case .success(.checkedOut): break
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
            ledgerReachedAt = sentAt.uptime
            ledgerIsReached()
        } else if isAway {
            ledgerIsAway(askedAt: sentAt, now: now)
        }
        for (call, result) in zip(calls, results) {
            switch call.operation {
            case .claim(let owner, _, _), .endLease(let owner, _, _):
                claimAnswered(call.job, owner: owner, result, sentAt: sentAt, now: now)
            case .takeTurn(let owner):
                turnAnswered(owner, result, sentAt: sentAt, now: now)
            case .renew(let owner, _, _):
                renewAnswered(call.job, owner: owner, result, sentAt: sentAt, now: now)
            case .complete(let owner, _, _), .retry(let owner, _, _), .release(let owner, _, _):
                settleAnswered(call.job, owner: owner, result, now: now)
            case .bury(let owner, _, let report):
                settleAnswered(call.job, owner: owner, result, knownCopies: report.copies, now: now)
            case .board(.checkIn): checkInAnswered(result, sentAt: sentAt, now: now)
            case .board: checkOutAnswered()
            case .forget, .noteCopies, .replay, .revoke, .intend, .confirm, .withdraw, .record, .status, .time:
                // Nothing is done about failures here. A failed forget only keeps a record for longer, and the ledger
                // is told where a dead job's copy lies when that copy comes back the next time.
                break
            }
        }
    }

    private mutating func settleAnswered(
        _ id: HeldJobID, owner: ClaimOwner, _ result: Result<LedgerReply, DelayQueueError>,
        knownCopies: [StoredCopy] = [], now: Moment
    ) {
        guard let (claim, settling) = jobs[id]?.settling(by: owner) else { return }
        var pending = settling
        switch result {
        case .success(.settled):
            // If this is not the first try, an earlier one, whose answer was lost, may have settled the job. The ledger
            // then knows only the copies that were named in that try.
            settled(id, pending, knownCopies: pending.tries == 0 ? knownCopies : [], now: now)
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
                effects.append(.settled(id, pending.settlement, waiter: pending.waiter, error))
                // The lease will run out by itself, and the copies go back for whoever claims then.
                releaseAll(id, delay: 1)
            }
        }
    }

    private mutating func settled(
        _ id: HeldJobID, _ pending: PendingSettlement, knownCopies: [StoredCopy], now: Moment
    ) {
        switch pending.settlement {
        case .complete:
            completed += 1
            if pending.deliversOnceSettled, let claim = jobs[id]?.settling()?.claim, let record = jobs[id]?.shared {
                demand = max(0, demand - 1)
                lastDelivery = now.uptime
                effects.append(.deliver(id, record, attempt: claim.attempt, failures: claim.failures))
            }
            effects.append(.settled(id, pending.settlement, waiter: pending.waiter, nil))
            deleteCopies(of: id, now: now)
        case .giveBack(after: .zero):
            effects.append(.settled(id, pending.settlement, waiter: pending.waiter, nil))
            // Where the application wants a job now, this one is kept and claimed again; otherwise it goes to a
            // consumer whose application does.
            if unmetDemand > 0 { hold(id, for: .zero, now: now) } else { releaseAll(id, delay: 0) }
        case .retry(let delay), .giveBack(let delay):
            effects.append(.settled(id, pending.settlement, waiter: pending.waiter, nil))
            hold(id, for: delay, now: now)
        case .bury(let reason):
            effects.append(.settled(id, pending.settlement, waiter: pending.waiter, nil))
            if let job = jobs[id] {
                effects.append(.buried(job.id, reason: reason, isAutomatic: pending.waiter == nil))
            }
            sendBackDead(id, knownCopies: knownCopies, now: now)
        }
    }

    /// A job to be run again after a delay: short waits are held here, long ones go back to the nodes.
    private mutating func hold(_ id: HeldJobID, for delay: Duration, now: Moment) {
        guard let job = jobs[id] else { return }
        job.due = clock.time(now) + delay
        jobs.enter(.holding, id)
        guard !job.copies.isEmpty else {
            if delay > settings.holdHorizon { jobs.remove(id) } else { fetchStandby(of: id) }
            return
        }
        if !isTaking || delay > settings.holdHorizon {
            releaseAll(id, delay: secondsUntilDue(job, now: now))
        } else if delay > .zero {
            dueHeap.insert(DueJob(due: job.due, job: id))
        } else {
            claimIfDue(id, now: now)
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
