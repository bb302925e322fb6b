import HeapModule

/// The run of a suspect, alone in this process and the only one of its queue.
struct SoloRun {
    let job: HeldJobID
    /// Of the queue's turn.
    let owner: ClaimOwner
    /// When the turn is over, unless it is renewed; nil until it was given.
    var turnEnd: Uptime?
    var renewAt = Uptime.distantFuture
    var isAsking = true
    /// When this process gives up waiting for room.
    var roomEnd = Uptime.distantFuture
    /// When the suspect was claimed last; its run is under way then, or over, unless that was not answered.
    var claimedAt: Uptime?
}

// A lease that ended says that its process died or fell silent, not why. So it is counted, and the job waits. After the
// second one the job is a suspect. It runs where nothing else does, so that it harms no other job; if its lease ends then,
// nothing else can be blamed. One process of the queue at a time does so, and the others run on: that is the turn, a lease
// in the ledger. Who has it hands on what it had fetched, lets end what it runs, and takes nothing before the suspect has
// ended. If what it runs does not end in time, it goes on as before, and others have the turn.
extension ConsumerCore {
    /// How often suspects ask that wait for others.
    static let suspectsWait = Duration.seconds(1)

    /// How long a process waits for room: longer after each time in vain, as its jobs may all be long.
    private var roomLimit: Duration { settings.lease * (1 << min(turnTries, 6)) }

    private var turnKey: LedgerKey { LedgerKey(suspectsOf: settings.queue) }

    // MARK: Ended leases

    /// Has the ledger count that the last claim's lease is over.
    ///
    /// - Parameter failures: those that the job then has.
    mutating func countEndedLease(_ id: HeldJobID, attempt: Int, _ failures: JobFailures) {
        let owner = makeOwner()
        jobs.enter(.claiming(owner: owner), id)
        let isOver = settings.retryPolicy.end(of: failures) != nil
        let delay = settings.retryPolicy.delay(afterEndedLeases: failures.endedLeases, chance: Self.chance(owner))
        ask(.endLease(owner, attempt: attempt, delay: isOver ? .zero : delay), id)
    }

    /// A number within 0..<1 that depends on nothing but a token that no other consumer has.
    private static func chance(_ owner: ClaimOwner) -> Double {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in owner.description.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash = (hash ^ hash >> 32) &* 0x9E37_79B9_7F4A_7C15
        return Double((hash ^ hash >> 29) >> 11) * 0x1p-53
    }

    // MARK: The turn

    func mayAskForTurn(_ now: Moment) -> Bool {
        solo == nil && nextTurnAt.map { $0 <= now.uptime } ?? true
    }

    /// The ledger grants this job only to run alone.
    mutating func suspect(_ id: HeldJobID, _ failures: JobFailures, now: Moment) {
        jobs[id]?.isSuspect = true
        if settings.retryPolicy.end(of: failures) != nil {
            // It is not run any more, so it needs no turn.
            claim(id, .alone)
        } else if !isTaking || !mayAskForTurn(now) {
            park(id, for: Self.suspectsWait, now: now)
        } else {
            park(id, for: Self.suspectsWait, now: now)
            // There may be no room to park it.
            guard jobs[id] != nil else { return }
            solo = SoloRun(job: id, owner: makeOwner())
            askForTurn()
        }
    }

    private mutating func askForTurn() {
        guard let owner = solo?.owner, let job = solo?.job else { return }
        solo?.isAsking = true
        ledgerCalls.append(LedgerCall(job: job, key: turnKey, operation: .takeTurn(owner)))
    }

    mutating func turnAnswered(
        _ owner: ClaimOwner, _ result: Result<LedgerReply, DelayQueueError>, sentAt: Moment, now: Moment
    ) {
        guard solo?.owner == owner else {
            // The suspect had gone meanwhile.
            if result.isGranted { endTurn(owner) }
            return
        }
        solo?.isAsking = false
        switch result {
        case .success(.granted):
            let isFirst = solo?.turnEnd == nil
            solo?.turnEnd = sentAt.uptime + settings.lease
            solo?.renewAt = sentAt.uptime + renewalInterval
            if isFirst { makeRoom(now: now) }
        case .success where solo?.turnEnd != nil:
            // It was over before it could be renewed. What runs goes on, and the turn is not asked for again.
            solo?.renewAt = .distantFuture
        case .success:
            solo = nil
            nextTurnAt = sentAt.uptime + Self.suspectsWait
        case .failure:
            // Asked again when the suspect is looked at, or with the next heartbeat.
            if solo?.turnEnd != nil { solo?.renewAt = now.uptime }
        }
        runSuspect(now: now)
    }

    mutating func renewTurn(now: Moment) {
        guard let run = solo, run.renewAt <= now.uptime, !run.isAsking else { return }
        askForTurn()
    }

    /// Nothing is taken from now on, and what was fetched goes to others; what runs is awaited.
    private mutating func makeRoom(now: Moment) {
        guard let job = solo?.job else { return }
        let roomEnd = now.uptime + roomLimit
        solo?.roomEnd = roomEnd
        isRunningAlone = true
        handOn(but: job, now: now)
        effects.append(.recall)
        effects.append(.warning(.runningAlone, jobs[job]?.id, node: nil, nil))
    }

    private mutating func endTurn(_ owner: ClaimOwner) {
        ledgerCalls.append(
            LedgerCall(job: HeldJobID(0), key: turnKey, operation: .release(owner, attempt: 1)))
    }

    // MARK: The run

    /// Whether a job that was granted may run beside what else there is.
    func mayRun(_ id: HeldJobID, _ failures: JobFailures, now: Moment) -> Bool {
        guard failures.isSuspect || isRunningAlone else { return true }
        guard let run = solo, run.job == id, let end = run.turnEnd else { return false }
        return now.uptime < end
    }

    /// The suspect was parked, and is looked at again.
    mutating func askAgain(_ id: HeldJobID, now: Moment) {
        setAlarm(id, after: Self.suspectsWait, now: now)
        if solo?.turnEnd == nil, solo?.isAsking == false { askForTurn() }
        runSuspect(now: now)
    }

    /// Claims the suspect once this process runs nothing else; ends its run when it is over.
    mutating func runSuspect(now: Moment) {
        guard let run = solo else { return }
        guard let job = jobs[run.job], mayBegin || job.claimInHand != nil || job.settling() != nil else {
            endSolo(now: now)
            return
        }
        switch job.phase {
        case .parked, .holding: break
        default: return
        }
        guard let end = run.turnEnd else { return }
        if let claimedAt = run.claimedAt {
            // A claim that was not answered is asked for again, as it may have been granted.
            guard now.uptime < end, job.unansweredOwner != nil else {
                endSolo(now: now)
                return
            }
            guard now.uptime - claimedAt >= Self.suspectsWait else { return }
        } else if now.uptime >= min(end, run.roomEnd) {
            giveWay(now: now)
            return
        }
        guard demand > 0, claimsUnderway + jobsInHand + settlementsUnderway == 0, ledgerFailures == 0 else { return }
        guard job.hasFreshCopy(now.uptime) else {
            touchAll(of: run.job)
            return
        }
        solo?.claimedAt = now.uptime
        claim(run.job, .alone)
    }

    /// What runs here takes long, or the application wants no job: another process may have room sooner.
    private mutating func giveWay(now: Moment) {
        guard let job = solo?.job else { return }
        let rest = roomLimit * 4
        turnTries += 1
        releaseAll(job, delay: 1)
        endSolo(now: now)
        nextTurnAt = now.uptime + rest
    }

    /// Others may have the turn, and this process takes jobs again.
    private mutating func endSolo(now: Moment) {
        guard let run = solo else { return }
        solo = nil
        isRunningAlone = false
        if run.claimedAt != nil { turnTries = 0 }
        // Also where it was asked for and not answered.
        endTurn(run.owner)
        guard let job = jobs[run.job], !job.copies.isEmpty else { return }
        switch job.phase {
        case .parked, .holding: park(run.job, for: Self.suspectsWait, now: now)
        default: break
        }
    }
}
