import Beanstalk
import HeapModule

extension ConsumerCore {
    // MARK: Claiming

    /// Claims a held job whose time has come, if the application will take it soon and its reservation is certain.
    mutating func claimIfDue(_ id: HeldJobID, kicks: Int? = nil, inspected: BeanstalkJobID? = nil, now: Moment) {
        guard let readiness = jobs[id]?.readiness(inspected: inspected, now: now), readiness != .notNow
        else { return }
        guard !isDraining, unmetDemand > 0 else {
            awaitDemand(id, now: now)
            return
        }
        guard ledgerFailures == 0 else {
            park(id, for: ledgerRetryDelay, now: now)
            return
        }
        guard case .ready(let copy) = readiness else {
            // Claims are made on live reservations only; one that grew old is confirmed first.
            touchAll(of: id)
            return
        }
        guard let record = jobs[id]?.shared else { return }
        // A claim whose answer was lost is repeated under its owner, and is then granted again if it was before.
        let owner = jobs[id]?.unansweredOwner ?? makeOwner()
        jobs.enter(.claiming(owner: owner, copy: copy.id, node: copy.node), id)
        let createsRecord = jobs[id]?.mayRunWithoutRecord == true || !isLateBeyondRetention(record, now: now)
        let identity = identity(of: copy, copies: record.copies)
        ask(.claim(owner, copy: identity, kicks: kicks, createsRecord: createsRecord), id)
    }

    private mutating func touchAll(of id: HeldJobID) {
        for index in 0..<(jobs[id]?.copies.count ?? 0) { touch(copyAt: index, of: id) }
    }

    mutating func claimAnswered(
        _ id: HeldJobID, owner: ClaimOwner, _ result: Result<LedgerReply, DelayQueueError>, sentAt: Moment, now: Moment
    ) {
        guard let (claimedCopy, node) = jobs[id]?.claiming(by: owner) else { return }
        if case .success = result { jobs[id]?.unansweredOwner = nil } else { jobs[id]?.unansweredOwner = owner }
        if !result.isGranted, jobs[id]?.copies.isEmpty ?? true {
            // The copies went with their connection while the claim was under way.
            jobs.remove(id)
            return
        }
        switch result {
        case .success(.granted(let attempt, let failures)):
            let claim = HeldClaim(
                owner: owner, attempt: attempt, failures: failures,
                leaseEnd: sentAt.uptime + settings.lease, renewAt: sentAt.uptime + renewalInterval)
            granted(id, claim, now: now)
            return
        case .success(.held(let remaining)):
            let tries = jobs[id]?.parkTries ?? 0
            park(id, for: parkDelay(tries: tries, leaseRemaining: remaining), tries: tries + 1, now: now)
        case .success(.waiting(let remaining)):
            wait(id, for: remaining, now: now)
        case .success(.finished(.done)), .success(.finished(.revoked)):
            deleteCopies(of: id, now: now)
        case .success(.finished(.dead)), .success(.needsKicks), .success(.buryAgain), .success(.absent):
            guard let claimedCopy else {
                // This was said of a reservation that is over. Somebody else may have had the copy meanwhile.
                jobs.enter(.holding, id)
                claimIfDue(id, now: now)
                return
            }
            answered(result, about: claimedCopy, node: node, of: id, now: now)
        case .success:
            let jobID = jobs[id]?.id
            park(id, for: .seconds(1), tries: 1, now: now)
            effects.append(.warning(.claimMisanswered, jobID, node: nil, nil))
        case .failure(let error):
            // Nothing runs without the ledger's word, and nothing is lost: the copy stays reserved.
            let jobID = jobs[id]?.id
            park(id, for: error.isRetriable ? ledgerRetryDelay : .seconds(5), now: now)
            if !error.isRetriable { effects.append(.warning(.claimRefused, jobID, node: nil, error)) }
        }
    }

    /// The ledger has no claim to give, but knows what to do with the copy that asked.
    private mutating func answered(
        _ result: Result<LedgerReply, DelayQueueError>, about copy: BeanstalkJobID, node: Int, of id: HeldJobID,
        now: Moment
    ) {
        switch result {
        case .success(.finished):
            effects.append(.duplicateCopy)
            jobs.enter(.holding, id)
            // Of a dead job's copies one is the buried one, and may have been kicked: each asks for itself.
            markLeftOver(id) { $0.id == copy && $0.node == node }
            claimIfDue(id, now: now)
        case .success(.buryAgain):
            buryAgain(id, copy: copy, node: node, now: now)
        case .success(.absent):
            metNoRecord(id, copy: copy, node: node, now: now)
        default:
            jobs.enter(.inspecting(copy: copy, node: node), id)
            send(.inspect(copy), to: node, for: id)
        }
    }

    /// A dead job's own copy came back without a kick: the process that gave the job up died before the node had
    /// buried it.
    private mutating func buryAgain(_ id: HeldJobID, copy: BeanstalkJobID, node: Int, now: Moment) {
        guard let job = jobs[id] else { return }
        if let index = job.index(of: copy, on: node) {
            let held = job.copies[index]
            jobs.enter(.burying(nil, named: []), id)
            send(.bury(held.id, priority: held.priority), to: held.node, for: id)
        } else {
            jobs.enter(.holding, id)
            claimIfDue(id, now: now)
        }
    }

    private mutating func granted(_ id: HeldJobID, _ claim: HeldClaim, now: Moment) {
        if isDraining || jobs[id]?.copies.isEmpty ?? true {
            giveBack(id, claim, now: now)
            return
        }
        guard jobs[id]?.hasFreshCopy(now.uptime) == true else {
            jobs.enter(.verifying(claim), id)
            touchAll(of: id)
            return
        }
        deliver(id, claim, now: now)
    }

    mutating func deliver(_ id: HeldJobID, _ claim: HeldClaim, now: Moment) {
        guard let record = jobs[id]?.shared else { return }
        if claim.failures >= settings.maximumFailures {
            jobs.enter(.claimed(claim), id)
            settle(id, .bury(reason: "\(claim.failures) failures"), waiter: nil, now: now)
            return
        }
        // A grant that was long on its way may be over already; nothing is run on it.
        if isDraining || now.uptime >= claim.leaseEnd {
            giveBack(id, claim, now: now)
            return
        }
        if settings.isAtMostOnce {
            var pending = PendingSettlement(settlement: .complete, giveUpAt: now.uptime + settings.settleTimeout)
            pending.deliversOnceSettled = true
            jobs.enter(.settling(claim, pending), id)
            askSettle(id, now: now)
            return
        }
        jobs.enter(.claimed(claim), id)
        // Given to the application: until it says how many more it will take, this one counts.
        demand = max(0, demand - 1)
        lastDelivery = now.uptime
        pace.step(now)
        effects.append(.deliver(id, record, attempt: claim.attempt, failures: claim.failures))
    }

    // MARK: Waiting

    private mutating func wait(_ id: HeldJobID, for remaining: Duration, now: Moment) {
        jobs.enter(.holding, id)
        jobs[id]?.due = now.wall + remaining
        guard let job = jobs[id] else { return }
        if isDraining || remaining > settings.holdHorizon {
            releaseAll(id, delay: secondsUntilDue(job, now: now))
        } else {
            dueHeap.insert(DueJob(due: job.due, job: id))
        }
    }

    /// Keeps the copies of a job that must not run now, and asks again later.
    mutating func park(_ id: HeldJobID, for delay: Duration, tries: Int = 0, now: Moment) {
        guard let job = jobs[id] else { return }
        if isDraining {
            releaseAll(id, delay: 0)
            return
        }
        if parkedCopies + job.copies.count > settings.parkedLimit {
            releaseAll(id, delay: UInt32(clamping: max(1, delay.components.seconds)))
            return
        }
        jobs.enter(.parked, id)
        jobs[id]?.parkTries = tries
        setAlarm(id, after: delay, now: now)
    }

    /// Doubles from 50 ms up to the end of the other owner's lease.
    private func parkDelay(tries: Int, leaseRemaining: Duration) -> Duration {
        let doubled = Duration.milliseconds(50) * (1 << min(tries, 10))
        return min(doubled, max(leaseRemaining, .milliseconds(20)), settings.lease)
    }

    /// Grows while the ledger stays away: one claim in each interval finds out whether it is back.
    var ledgerRetryDelay: Duration {
        min(.milliseconds(50) * (1 << min(ledgerFailures, 5)), .seconds(1))
    }

    // MARK: Finished jobs

    /// These copies of a dead job may go. A node deletes a copy that nobody holds, and a buried one, for anybody: each
    /// goes once a touch has confirmed that it is ours, or it might be the one that stays by now.
    mutating func markLeftOver(_ id: HeldJobID, where isLeftOver: (HeldCopy) -> Bool) {
        guard let job = jobs[id] else { return }
        for index in job.copies.indices where isLeftOver(job.copies[index]) {
            job.changeCopy(at: index) { $0.isLeftOver = true }
            touch(copyAt: index, of: id)
        }
    }

    /// A left-over copy was confirmed to be ours.
    mutating func deleteLeftOver(at index: Int, of id: HeldJobID, now: Moment) {
        guard let copy = jobs[id]?.copies[index] else { return }
        guard copy.isYoung(now.uptime) else {
            // The confirmation was long on its way.
            touch(copyAt: index, of: id)
            return
        }
        send(.delete(copy.id, index: copy.index), to: copy.node, for: nil)
        removeCopies(of: id, now: now) { $0.node == copy.node && $0.id == copy.id }
    }

    /// Deletes every copy, now and as further ones come; once the nodes have answered, the ledger learns which are gone.
    mutating func deleteCopies(of id: HeldJobID, now: Moment) {
        // Further copies are known by its name.
        guard let job = jobs.retire(id) else { return }
        finishedJobs.insert(
            id, job.shared, deletes: job.copies.count, until: now.uptime + settings.finishedHorizon)
        for copy in job.copies { send(.delete(copy.id, index: copy.index), to: copy.node, for: id) }
        dropExpired(isDraining ? nil : now.uptime, now: now)
    }

    mutating func deleteAnswered(_ id: HeldJobID, index: Int?, isDeleted: Bool, now: Moment) {
        guard let entry = finishedJobs.answered(id, index: index, isDeleted: isDeleted) else { return }
        forgetCopies(of: id, entry, now: now)
    }

    /// - Parameter limit: until when further copies were expected; nil waits for no further copies of any job.
    mutating func dropExpired(_ limit: Uptime?, now: Moment) {
        for (id, entry) in finishedJobs.expire(now: limit) { forgetCopies(of: id, entry, now: now) }
    }

    private mutating func forgetCopies(of id: HeldJobID, _ entry: FinishedJobs.Entry, now: Moment) {
        jobs.dropName(entry.name, of: id)
        guard entry.copies > 0, !entry.deleted.isEmpty else { return }
        forgets.append(LedgerCall(job: id, key: entry.key, operation: .forget(entry.deleted, of: entry.copies)))
        if isDraining || !pace.isBrisk(now) {
            sendForgets()
        } else if forgetsAt == nil {
            forgetsAt = now.uptime + GatheringPace.rest
        }
    }

    mutating func sendForgets() {
        ledgerCalls += forgets
        forgets.removeAll(keepingCapacity: true)
        forgetsAt = nil
    }

    /// - Parameter statistics: nil where the node no longer has the copy, or did not say.
    mutating func inspected(
        _ id: HeldJobID, node: Int, copy: BeanstalkJobID, _ statistics: JobStatistics?, now: Moment
    ) {
        guard let job = jobs[id] else { return }
        let kicks = statistics?.kicks
        switch job.phase {
        case .inspecting(copy, node):
            guard let statistics, let kicks else {
                removeCopies(of: id, now: now) { $0.node == node && $0.id == copy }
                return
            }
            if job.isForeign {
                inspectedForeign(id, statistics, now: now)
                return
            }
            if job.isLateWithoutRecord {
                inspectedLate(id, node: node, copy: copy, isKicked: kicks > 0, now: now)
                return
            }
            jobs.enter(.holding, id)
            claimIfDue(id, kicks: kicks, inspected: copy, now: now)
        case .settling(let claim, var pending):
            guard case .bury = pending.settlement, pending.burying == nil else { return }
            guard let kicks, let held = job.index(of: copy, on: node).map({ job.copies[$0] }) else {
                removeCopies(of: id, now: now) { $0.node == node && $0.id == copy }
                askSettle(id, now: now)
                return
            }
            guard held.isYoung(now.uptime) else {
                // The node's answer was long on its way.
                askSettle(id, now: now)
                return
            }
            pending.burying = (held, kicks)
            jobs.enter(.settling(claim, pending), id)
            declareDead(id, claim, held, kicks: kicks, instead: pending.named.last)
        default:
            break
        }
    }
}

extension Result where Success == LedgerReply {
    var isGranted: Bool { if case .success(.granted) = self { true } else { false } }
}
