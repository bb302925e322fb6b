import Beanstalk
import HeapModule

extension ConsumerCore {
    // MARK: Claiming

    /// Claims a held job whose time has come, if the application will take it soon and its reservation is certain.
    mutating func claimIfDue(_ id: HeldJobID, now: Moment) {
        guard let job = jobs[id] else { return }
        let readiness = job.readiness(at: clock.time(now), now: now.uptime)
        guard readiness != .notNow else { return }
        // The suspect is claimed once nothing else runs here.
        if isRunningAlone, solo?.job == id { return }
        guard unmetDemand > 0 else {
            awaitDemand(id, now: now)
            return
        }
        guard mayClaim(job, now: now) else {
            park(id, for: job.isSuspect ? Self.suspectsWait : ledgerRetryDelay, now: now)
            return
        }
        guard readiness == .ready else {
            // Claims are made on live reservations only; one that grew old is confirmed first.
            touchAll(of: id)
            return
        }
        let mayHaveRun = job.isOfAddedCopies || isLateBeyondRetention(job.shared, now: now)
        claim(id, mayHaveRun && !job.mayRunWithoutRecord ? .existing : .creating)
    }

    mutating func claim(_ id: HeldJobID, _ kind: LedgerRequest.ClaimKind) {
        guard let job = jobs[id] else { return }
        // A claim whose answer was lost is repeated under its owner, and is then granted again if it was before.
        let owner = job.unansweredOwner ?? makeOwner()
        jobs.enter(.claiming(owner: owner), id)
        ask(.claim(owner, kind, due: job.isDueByOwnClock ? nil : job.fireTime), id)
    }

    mutating func touchAll(of id: HeldJobID) {
        for index in 0..<(jobs[id]?.copies.count ?? 0) { touch(copyAt: index, of: id) }
    }

    mutating func claimAnswered(
        _ id: HeldJobID, owner: ClaimOwner, _ result: Result<LedgerReply, DelayQueueError>, sentAt: Moment, now: Moment
    ) {
        guard jobs[id]?.isClaiming(by: owner) == true else { return }
        // What was refused for good was not granted.
        if case .failure(let error) = result, error.isRetriable {
            jobs[id]?.unansweredOwner = owner
        } else {
            jobs[id]?.unansweredOwner = nil
        }
        if !result.isGranted, jobs[id]?.copies.isEmpty ?? true {
            // The copies went with their connection while the claim was under way. Without the ledger's word it may well be
            // this consumer that is to run the job.
            if case .failure = result, !isCutOff(now) { fetchStandby(of: id) } else { jobs.remove(id) }
            return
        }
        switch result {
        case .success(.granted(let attempt, let failures)):
            let claim = HeldClaim(
                owner: owner, attempt: attempt, failures: failures,
                leaseEnd: sentAt.uptime + settings.lease, renewAt: sentAt.uptime + renewalInterval)
            granted(id, claim, now: now)
            return
        case .success(.ended(let attempt, let failures)):
            countEndedLease(id, attempt: attempt, failures)
        case .success(.suspect(let failures)):
            suspect(id, failures, now: now)
        case .success(.held(let remaining)):
            let tries = jobs[id]?.parkTries ?? 0
            park(id, for: parkDelay(tries: tries, leaseRemaining: remaining), tries: tries + 1, now: now)
        case .success(.waiting(let remaining)):
            wait(id, for: remaining, now: now)
        case .success(.early(let remaining)):
            waitForDate(id, for: remaining, now: now)
        case .success(.finished(.done)), .success(.finished(.revoked)), .success(.finished(.withdrawn)):
            deleteCopies(of: id, now: now)
        case .success(.finished(.dead)):
            sendBackDead(id, knownCopies: [], now: now)
        case .success(.absent) where jobs[id]?.isSuspect == true:
            // Its record was lost, and with it what is known against it.
            jobs[id]?.isSuspect = false
            jobs.enter(.holding, id)
            claimIfDue(id, now: now)
        case .success(.absent):
            metNoRecord(id, now: now)
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

    private mutating func granted(_ id: HeldJobID, _ claim: HeldClaim, now: Moment) {
        if claim.attempt == 1 { lookForLead(of: id, now: now) }
        if !mayBegin || jobs[id]?.copies.isEmpty ?? true {
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
        if let reason = settings.retryPolicy.end(of: claim.failures) {
            jobs.enter(.claimed(claim), id)
            settle(id, .bury(reason: reason), waiter: nil, now: now)
            return
        }
        // A grant that was long on its way may be over already; nothing is run on it.
        if !mayBegin || now.uptime >= claim.leaseEnd || !mayRun(id, claim.failures, now: now) {
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
        // This job uses up one place of the demand until the application says how many more it will take.
        demand = max(0, demand - 1)
        lastDelivery = now.uptime
        pace.step(now)
        effects.append(.deliver(id, record, attempt: claim.attempt, failures: claim.failures))
    }

    // MARK: Waiting

    private mutating func wait(_ id: HeldJobID, for remaining: Duration, now: Moment) {
        jobs.enter(.holding, id)
        guard let job = jobs[id] else { return }
        // Its lead waits elsewhere for the same time, and is to run then, unless it may be out of reach.
        let isStandbyOnly = !isAnyNodeInDoubt && job.copies.allSatisfy(\.isStandby)
        let remaining = isStandbyOnly ? remaining + .seconds(StandbyDelay.seconds) : remaining
        job.due = clock.time(now) + remaining
        if !isTaking || remaining > holdLimit {
            releaseAll(id, delay: secondsUntilDue(job, now: now))
        } else {
            dueHeap.insert(DueJob(due: job.due, job: id))
        }
    }

    /// Keeps the copies of a job that must not run now, and asks again later.
    mutating func park(_ id: HeldJobID, for delay: Duration, tries: Int = 0, now: Moment) {
        guard let job = jobs[id] else { return }
        if !mayBegin || isCutOff(now) {
            releaseAll(id, delay: 0)
            return
        }
        if isRunningAlone, solo?.job != id {
            // Others may have more luck with it. A second is no loss for what waits for something.
            releaseAll(id, delay: 1)
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

    // MARK: Finished jobs

    /// Deletes every copy, now and as further ones come; once the nodes have answered, the ledger learns which are
    /// gone.
    mutating func deleteCopies(of id: HeldJobID, now: Moment) {
        // Copies that come later find the retired job by its name.
        guard let job = jobs.retire(id) else { return }
        var deletes = job.copies.count
        for name in job.standbys where !job.holds(name) {
            // Others are left: they fire, and whoever reserves them learns that the job is done.
            guard let link = sideLink(to: name.server) else { continue }
            send(.delete(name.id, index: name.index), to: link, for: id)
            deletes += 1
        }
        finishedJobs.insert(id, job.shared, deletes: deletes, until: now.uptime + settings.finishedHorizon)
        for copy in job.copies { send(.delete(copy.id, index: copy.index), to: copy.link, for: id) }
        dropExpired(isDraining ? nil : now.uptime, now: now)
    }

    mutating func deleteAnswered(_ id: HeldJobID, index: Int?, isDeleted: Bool, now: Moment) {
        guard let entry = finishedJobs.answered(id, index: index, isDeleted: isDeleted) else {
            // At a brisk pace it pays to wait for the job's other copies. Else what is known is told at once: whoever is
            // killed meanwhile leaves a record that lasts for days.
            if !pace.isBrisk(now), let entry = finishedJobs.takeUntold(id) { forget(entry, of: id, now: now) }
            return
        }
        forgetCopies(of: id, entry, now: now)
    }

    /// - Parameter limit: until when further copies were expected; nil waits for no further copies of any job.
    mutating func dropExpired(_ limit: Uptime?, now: Moment) {
        for (id, entry) in finishedJobs.expire(now: limit) { forgetCopies(of: id, entry, now: now) }
    }

    private mutating func forgetCopies(of id: HeldJobID, _ entry: FinishedJobs.Entry, now: Moment) {
        jobs.dropName(entry.name, of: id)
        forget(entry, of: id, now: now)
    }

    private mutating func forget(_ entry: FinishedJobs.Entry, of id: HeldJobID, now: Moment) {
        guard entry.copies > 0, entry.deleted != entry.told else { return }
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
        _ id: HeldJobID, link: Int, copy: BeanstalkJobID, _ statistics: JobStatistics?, now: Moment
    ) {
        guard let job = jobs[id] else { return }
        guard case .inspecting(copy, link) = job.phase else { return }
        guard let statistics else {
            removeCopies(of: id, now: now) { $0.link == link && $0.id == copy }
            return
        }
        if job.isForeign {
            inspectedForeign(id, statistics, now: now)
        } else {
            inspectedLate(id, link: link, copy: copy, isKicked: statistics.kicks > 0, now: now)
        }
    }
}

extension Result where Success == LedgerReply {
    var isGranted: Bool { if case .success(.granted) = self { true } else { false } }
}
