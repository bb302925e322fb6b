package import DelayQueue

extension Judge {
    // MARK: Ended leases

    mutating func endLease(_ job: Int, _ owner: ClaimOwner, attempt: Int, until: Int64, now: Int64) {
        let known = jobs[job]
        switch known.state {
        case .claimed(_, attempt, let leaseEnd):
            if leaseEnd > now + drift, !known.isForgottenByLedger {
                fail("the lease of \(known.name) was counted as ended before its end")
            }
            jobs[job].failures = JobFailures(
                errors: known.failures.errors, endedLeases: known.failures.endedLeases + 1,
                endedAlone: known.failures.endedAlone + (known.isAlone ? 1 : 0))
            write(job, .waiting(owner, until: until), now: now)
        case .waiting: break
        default:
            if !known.isForgottenByLedger { fail("\(known.name) was made to wait, though it had no lease") }
        }
    }

    /// A job is given up, by its application or because of its failures.
    mutating func checkDeath(_ job: Int, reason: String) {
        let known = jobs[job]
        // Others are the words of an application.
        guard reason.hasSuffix(" failures") || reason.contains(" leases ended"), !known.isForgottenByLedger else {
            return
        }
        if known.failures.errors >= WorldOptions.maximumFailures { return }
        guard known.failures.endedAlone >= WorldOptions.maximumEndedAlone else {
            return fail("\(known.name) was given up with failures \(known.failures): \(reason)")
        }
        if isQuiet, !known.isPoison { fail("\(known.name), which harms nobody, was given up: \(reason)") }
    }

    // MARK: Runs

    /// Whether a job ends the process that runs it. Once it was given up, and replayed, it does so no more.
    package func endsProcess(_ job: Int) -> Bool { jobs[job].isPoison && !jobs[job].wasDead }

    /// A job ends the process that runs it, with all others there.
    package mutating func poisoned(consumer: Int, by poison: Int) {
        for job in jobs.indices where job != poison && jobs[job].runs.contains(where: { $0.consumer == consumer }) {
            if jobs[job].isForgottenByLedger { continue }
            if jobs[job].isAlone, jobs[poison].runs.contains(where: { $0.consumer == consumer && !$0.isToldLost }) {
                fail("\(jobs[job].name) was to run alone, and \(jobs[poison].name) ended its process")
            }
            jobs[job].killedByOthers += 1
            if jobs[job].killedByOthers > 2 {
                fail("\(jobs[job].name) was begun \(jobs[job].killedByOthers) times in processes that other jobs ended")
            }
        }
    }

    /// A run begins: is it alone where it should be, and are others?
    mutating func checkAlone(_ job: Int, consumer: Int, now: Int64) {
        let known = jobs[job]
        for other in jobs.indices where other != job {
            guard jobs[other].runs.contains(where: { $0.consumer == consumer && !$0.isToldLost }) else { continue }
            if known.isAlone { fail("\(known.name) was to run alone, and runs beside \(jobs[other].name)") }
            if jobs[other].isAlone, !jobs[other].isForgottenByLedger {
                fail("\(jobs[other].name) was to run alone, and \(known.name) runs beside it")
            }
        }
        guard known.isAlone, !isTurnForgotten, now > turnForgottenUntil else { return }
        guard let turn, turn.end > now - drift, turn.owner.description.hasPrefix("c\(consumer).") else {
            return fail("\(known.name) runs alone in its process, which has not the queue's turn")
        }
    }

    // MARK: The turn

    package mutating func answeredTurn(_ operation: LedgerRequest.Operation, _ reply: LedgerReply, now: Int64) {
        switch (operation, reply) {
        case (.takeTurn(let owner), .granted):
            if let turn, turn.owner != owner, turn.end > now + drift { fail("two processes have the queue's turn") }
            turn = (owner, now + lease)
            isTurnForgotten = false
        case (.release(let owner, _, _), .settled):
            if turn?.owner == owner { turn = nil }
        default: break
        }
    }

    /// The ledger has lost who has it, or ends it sooner or later, as its clock was set.
    mutating func wipedTurn(now: Int64) {
        turn = nil
        isTurnForgotten = true
        // Who had it does not know yet that it has gone, or that somebody else has it.
        turnForgottenUntil = now + lease
    }
}
