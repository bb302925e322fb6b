package import DelayQueue

/// Watches a history, event by event, for promises that are broken.
///
/// It keeps its own account of each job, made of what the ledger answered and of what came of it, and asks no other
/// part of the program whether that was right. Times are the simulation's, in microseconds.
package struct Judge {
    let lease: Int64
    package let retention: Int64
    let grace: Int64
    /// Jobs are completed before they are delivered, and delivered once.
    let isAtMostOnce: Bool
    let latePolicy: LateJobPolicy
    let minimumWritten = 2
    /// A job later than records last may pass for one that is not: one clock is enough to say so.
    package var mayMissLateness = false
    /// The ledger's clock may be so far behind that it is outvoted.
    package var isLedgerClockBehind = false
    /// By how much a lease or a wait may be shorter because the ledger's clock is too fast.
    package var drift: Int64 = 0
    /// Nodes have copies ready too early.
    package var isProducerAhead = false
    /// How late a job may begin to run, where nothing holds it up but clocks; nil where that is not judged.
    package var latestStart: Int64?
    package private(set) var violation: Violation?
    package var jobs: [JudgedJob] = []
    /// Nothing goes wrong but by jobs.
    package var isQuiet = false
    /// Who may run a suspect, and until when.
    var turn: (owner: ClaimOwner, end: Int64)?
    var isTurnForgotten = false
    var pausing = JudgedPause()
    var turnForgottenUntil = Int64.min

    package init(timing: LedgerTiming, isAtMostOnce: Bool = false, latePolicy: LateJobPolicy = .bury) {
        lease = timing.lease.wholeMicroseconds
        retention = min(timing.retention, timing.retentionOfUnknownCopies).wholeMicroseconds
        // Worked out here, and not by what is judged.
        grace = max(timing.grace, timing.lease * 2, timing.timeToRun * 2).wholeMicroseconds
        self.isAtMostOnce = isAtMostOnce
        self.latePolicy = latePolicy
    }

    package mutating func fail(_ text: String) {
        if violation == nil { violation = Violation(description: text) }
    }

    /// - Returns: the number by which it is named from now on.
    ///
    /// - Parameter id: of a job that is an edition of its id.
    package mutating func add(_ name: String, fireTime: Int64, id: JobID? = nil) -> Int {
        jobs.append(JudgedJob(name: name, fireTime: fireTime, id: id))
        return jobs.count - 1
    }

    // MARK: Producers

    /// A caller asks for the job, perhaps again.
    package mutating func scheduled(_ job: Int) {
        jobs[job].isForbidden = false
    }

    /// The process died with the call under way: its caller knows nothing, which is to expect everything.
    package mutating func lostCall(_ job: Int) {
        jobs[job].mayFireAnyway = true
    }

    /// A node has a copy, whether or not its writer ever learns of it.
    package mutating func stored(_ job: Int, by call: Int) {
        jobs[job].stored[call, default: 0] += 1
    }

    package mutating func accepted(_ job: Int, by call: Int, now: Int64 = 0) {
        jobs[job].acceptedAt = now
        let stored = jobs[job].stored[call] ?? 0
        if stored < minimumWritten { fail("\(jobs[job].name) was accepted with \(stored) copies stored") }
        jobs[job].isAccepted = true
        jobs[job].acceptedBy.append(call)
    }

    /// A caller with an id of its own was told that the job is finished.
    package mutating func foundFinished(_ job: Int) {
        let known = jobs[job]
        let isSo = ([job] + rivals(of: job)).contains {
            jobs[$0].wasCompleted || jobs[$0].wasDead || jobs[$0].isToBeRevoked || jobs[$0].isForgottenByLedger
        }
        if !isSo {
            fail("\(known.name) was said to be finished, but never ran and was not revoked")
        }
    }

    /// - Parameter isMarked: a ledger was there to tell whether it ran before.
    package mutating func refused(_ job: Int, _ sequel: DelayQueueError.Sequel, isMarked: Bool) {
        // What an earlier call with the same id left behind is for that call to tell.
        if sequel == .mayFire || sequel == .hasRun { jobs[job].mayFireAnyway = true }
        if sequel == .hasRun, jobs[job].attempt == 0, !jobs[job].isForgottenByLedger {
            fail("\(jobs[job].name) was said to have run, and nobody had claimed it")
        }
        guard !jobs[job].mayFireAnyway else { return }
        jobs[job].isForbidden = true
        if sequel == .none, isMarked, jobs[job].deliveries > 0, !jobs[job].isForgottenByLedger {
            fail("\(jobs[job].name) had run when its refusal said that it would not")
        }
    }

    /// A caller asks for the job to be taken back.
    package mutating func willRevoke(_ job: Int) {
        jobs[job].isToBeRevoked = true
    }

    /// The answer to a revocation.
    package mutating func revoked(_ job: Int, _ outcome: RevokeOutcome?) {
        switch outcome {
        case .revoked: jobs[job].isRevoked = true
        case .incomplete, nil: jobs[job].mayBeRevoked = true
        default: break
        }
    }

    // MARK: Consumers

    /// - Parameters:
    ///   - clock: the latest reading the consumer's own clock ever gave.
    ///   - ledgerClock: the latest reading of the ledger's.
    package mutating func delivered(
        _ job: Int, attempt: Int, to consumer: Int, clock: Int64, ledgerClock: Int64, now: Int64
    ) {
        let known = jobs[job]
        jobs[job].deliveries += 1
        judgeTime(known, clock: clock, ledgerClock: ledgerClock, now: now)
        // At most once a job is over before it is delivered, and what is over can not be handed on.
        if !isAtMostOnce { checkPause(job, consumer: consumer, now: now) }
        if known.isForgottenByLedger { return }
        // Without a mark in the ledger, a copy runs that its node brings back after it had acknowledged the delete.
        let mayComeBack = known.undeletedAt != nil
        if known.isForbidden, !mayComeBack { fail("\(known.name) runs although its refusal said that it would not") }
        if known.isRevoked, !mayComeBack { fail("\(known.name) runs although its revocation was confirmed") }
        checkEdition(job)
        if isAtMostOnce {
            if known.deliveries > 0 { fail("\(known.name) was delivered twice, at most once") }
            guard case .done = known.state else {
                return fail("\(known.name) was delivered before it was completed, at most once")
            }
            return
        }
        guard case .claimed(_, attempt, let leaseEnd) = known.state, leaseEnd > now else {
            return fail("\(known.name) attempt \(attempt) was delivered without a valid lease")
        }
        checkAlone(job, consumer: consumer, now: now)
        jobs[job].runs.append(.init(consumer: consumer, attempt: attempt, leaseEnd: leaseEnd))
    }

    private mutating func judgeTime(_ known: JudgedJob, clock: Int64, ledgerClock: Int64, now: Int64) {
        let earliness = known.fireTime - ledgerClock
        // Against a ledger that is far behind stand the consumer's clock and the node's, together.
        // Copies are ready a second ahead, and standbys are brought forward by two.
        let isWitnessed = now > known.fireTime - 3_200_000 || isProducerAhead
        if earliness > 100_000, !isLedgerClockBehind || clock < known.fireTime - 100_000 || !isWitnessed {
            fail("\(known.name) was delivered \(earliness) µs early")
        }
        guard let latestStart, known.deliveries == 0, known.isAccepted else { return }
        let lateness = now - max(known.fireTime, known.acceptedAt)
        if lateness > latestStart { fail("\(known.name) was delivered \(lateness) µs late with nothing in its way") }
    }

    /// The policy for late jobs was applied.
    package mutating func calledLate(_ job: Int, clock: Int64, ledgerClock: Int64) {
        let lateness = min(clock, ledgerClock) - jobs[job].fireTime
        let earliest = jobs[job].hasAddedCopy ? grace : retention
        // Somewhat early, as ever.
        if lateness < earliest * 4 / 5 { fail("\(jobs[job].name) was called late, which it is not by both clocks") }
    }

    /// Leases and waits end by a clock that was set: for those of this job nothing is promised any more.
    package mutating func ledgerClockStepped(_ job: Int) {
        jobs[job].isForgottenByLedger = true
    }

    /// A run was told that its lease is over.
    package mutating func toldLeaseLost(_ job: Int, attempt: Int, consumer: Int) {
        for index in jobs[job].runs.indices {
            let run = jobs[job].runs[index]
            if run.attempt == attempt, run.consumer == consumer { jobs[job].runs[index].isToldLost = true }
        }
    }

    /// The runs of a job whose lease ended before a time, and who were not told.
    package func runsUnaware(_ job: Int, since time: Int64) -> [(consumer: Int, attempt: Int)] {
        jobs[job].runs.filter { !$0.isToldLost && $0.leaseEnd < time }.map { ($0.consumer, $0.attempt) }
    }

    package mutating func ended(_ job: Int, attempt: Int, consumer: Int) {
        jobs[job].runs.removeAll { $0.attempt == attempt && $0.consumer == consumer }
    }

    package mutating func crashed(consumer: Int) {
        for job in jobs.indices where !jobs[job].runs.isEmpty { jobs[job].runs.removeAll { $0.consumer == consumer } }
    }

    package mutating func discarded(_ job: Int) {
        jobs[job].wasDiscarded = true
    }
}
