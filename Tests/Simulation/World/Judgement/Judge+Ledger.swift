package import DelayQueue

extension Judge {
    /// The ledger answered a request.
    package mutating func answered(
        _ operation: LedgerRequest.Operation, _ reply: LedgerReply, job: Int, now: Int64
    ) {
        switch (operation, reply) {
        case (.claim(let owner, let kind, _), .granted(let attempt, let failures)):
            granted(
                job, owner, attempt: attempt, failures: failures, isAlone: kind == .alone && failures.endedLeases > 1,
                now: now)
        case (.endLease(let owner, let attempt, let delay), .waiting):
            endLease(job, owner, attempt: attempt, until: now + max(delay.wholeMicroseconds, 0), now: now)
        case (.renew(let owner, let attempt, _), .renewed):
            renewed(job, owner, attempt: attempt, now: now)
        case (.complete(let owner, let attempt, _), .settled):
            settle(job, owner, attempt, as: .done(owner), now: now)
        case (.retry(let owner, let attempt, let delay), .settled):
            if settle(job, owner, attempt, as: .waiting(owner, until: now + delay.wholeMicroseconds), now: now) {
                let failures = jobs[job].failures
                jobs[job].failures = JobFailures(
                    errors: failures.errors + 1, endedLeases: failures.endedLeases, endedAlone: failures.endedAlone)
            }
        case (.release(let owner, let attempt, let delay), .settled):
            settle(job, owner, attempt, as: .waiting(owner, until: now + delay.wholeMicroseconds), now: now)
        case (.bury(let owner, let attempt, let report), .settled):
            checkDeath(job, reason: report.reason)
            settle(job, owner, attempt, as: .dead(owner), now: now)
        case (.replay(let owner), .replayed):
            replay(job, owner, now: now)
        case (.revoke, .revoked):
            revoke(job, now: now)
        case (.revoke, .running):
            guard case .claimed(_, _, let leaseEnd) = jobs[job].state, leaseEnd > now - drift else {
                if jobs[job].isForgottenByLedger { return }
                return fail("\(jobs[job].name) was said to be running while nobody had a lease")
            }
        default: break
        }
        answeredOfEdition(operation, reply, job: job, now: now)
    }

    private mutating func granted(
        _ job: Int, _ owner: ClaimOwner, attempt: Int, failures: JobFailures, isAlone: Bool, now: Int64
    ) {
        let known = jobs[job]
        let isRepeat: Bool
        if case .claimed(owner, _, _) = known.state { isRepeat = true } else { isRepeat = false }
        if !known.isForgottenByLedger {
            checkGrant(known, isRepeat: isRepeat, job: job, now: now)
        }
        if !jobs[job].isForgottenByLedger {
            if isRepeat ? attempt != known.attempt : attempt <= known.attempt {
                fail("\(known.name) was granted as attempt \(attempt) after attempt \(known.attempt)")
            }
            if failures != jobs[job].failures {
                fail("\(known.name) has failures \(jobs[job].failures), the ledger says \(failures)")
            }
        }
        if failures.endedLeases > 1, !isAlone, !(isRepeat && known.isAlone), !known.isForgottenByLedger {
            fail("\(known.name) was granted with \(failures.endedLeases) ended leases, and not to run alone")
        }
        jobs[job].isAlone = isAlone || (isRepeat && known.isAlone)
        jobs[job].attempt = attempt
        jobs[job].failures = failures
        write(job, .claimed(owner, attempt: attempt, leaseEnd: now + lease), now: now)
    }

    private mutating func checkGrant(_ known: JudgedJob, isRepeat: Bool, job: Int, now: Int64) {
        switch known.state {
        case .absent: break
        case .claimed(_, _, let leaseEnd):
            if isRepeat { break }
            fail(
                leaseEnd > now + drift
                    ? "\(known.name) was claimed by two owners inside one lease"
                    : "\(known.name) was claimed though the end of its last lease was not counted")
        case .waiting(_, let until):
            if until > now + drift { fail("\(known.name) was claimed \(until - now) µs before its wait was over") }
        case .done, .revoked:
            // A node that restores a delete it had acknowledged is covered for the grace, not longer.
            let isUndeleted = known.undeletedAt.map { now > $0 + grace } ?? false
            // Later than records last, a person's word counts, or the policy that asks for a second run.
            // An added copy is put aside sooner, and then too a person may kick it.
            let isLate =
                now > known.lastWord + retention
                && (known.isKicked || latePolicy == .deliver || mayMissLateness)
                || known.hasAddedCopy && known.isKicked && now > known.lastWord + grace * 4 / 5
            if isUndeleted || isLate {
                jobs[job].isForgottenByLedger = true
            } else {
                fail(
                    "\(known.name) was claimed again after it was \(known.state == .revoked ? "revoked" : "completed")")
            }
        case .withdrawn:
            if now > known.lastWord + retention {
                jobs[job].isForgottenByLedger = true
            } else {
                fail("\(known.name) was claimed although it was withdrawn")
            }
        case .dead:
            fail("\(known.name) was claimed although it is dead and was not replayed")
        }
    }

    private mutating func renewed(_ job: Int, _ owner: ClaimOwner, attempt: Int, now: Int64) {
        guard case .claimed(owner, attempt, _) = jobs[job].state else {
            if jobs[job].isForgottenByLedger {
                write(job, .claimed(owner, attempt: attempt, leaseEnd: now + lease), now: now)
                return
            }
            return fail("\(jobs[job].name) attempt \(attempt) was renewed although it holds no claim")
        }
        write(job, .claimed(owner, attempt: attempt, leaseEnd: now + lease), now: now)
        for index in jobs[job].runs.indices where jobs[job].runs[index].attempt == attempt {
            // Who was told once that the lease is over stays told: its handler was cancelled.
            jobs[job].runs[index].leaseEnd = now + lease
        }
    }

    /// - Returns: false where the same settlement was confirmed before.
    @discardableResult
    private mutating func settle(
        _ job: Int, _ owner: ClaimOwner, _ attempt: Int, as state: JudgedJob.State, now: Int64
    ) -> Bool {
        let known = jobs[job]
        switch (known.state, state) {
        case (.claimed(owner, attempt, _), _): break
        case (.done(owner), .done), (.waiting(owner, _), .waiting), (.dead(owner), .dead): return false
        default:
            if !known.isForgottenByLedger {
                fail("\(known.name) attempt \(attempt) was settled by \(owner), which holds no claim")
            }
        }
        switch state {
        case .dead: jobs[job].wasDead = true
        case .done: jobs[job].wasCompleted = true
        case .absent, .claimed, .waiting, .revoked, .withdrawn: break
        }
        write(job, state, now: now)
        return true
    }

    private mutating func replay(_ job: Int, _ owner: ClaimOwner, now: Int64) {
        switch jobs[job].state {
        case .dead: break
        case .waiting(owner, _): return
        default:
            if !jobs[job].isForgottenByLedger { fail("\(jobs[job].name) was replayed although it is not dead") }
        }
        jobs[job].failures = 0
        jobs[job].killedByOthers = 0
        write(job, .waiting(owner, until: now), now: now)
    }

    private mutating func revoke(_ job: Int, now: Int64) {
        let known = jobs[job]
        if known.state == .withdrawn { return }
        if !known.isForgottenByLedger {
            if case .done = known.state, known.hasRecord { fail("\(known.name) was revoked after it was completed") }
            if case .claimed(_, _, let leaseEnd) = known.state, leaseEnd > now + drift {
                fail("\(known.name) was revoked inside a valid lease")
            }
        }
        // Its record was gone by then, copies and all: nobody can tell any more that it ran.
        if case .done = known.state { jobs[job].mayFireAnyway = true }
        write(job, .revoked, now: now)
    }

    mutating func write(_ job: Int, _ state: JudgedJob.State, now: Int64) {
        jobs[job].state = state
        jobs[job].lastWord = now
        jobs[job].hasRecord = true
    }

    // MARK: Losses

    /// The ledger has no record any more, because its time had run out.
    package mutating func expired(_ job: Int, now: Int64) {
        let known = jobs[job]
        jobs[job].hasRecord = false
        // With the record go the names of editions that are not to run; a copy that comes later is put aside, or was
        // judged late.
        if known.id != nil, now > max(known.fireTime, known.lastWord) + retention {
            jobs[job].isForgottenByLedger = true
        }
        switch known.state {
        case .absent:
            // Which of an id's editions is its job nobody can tell any more: each of them that has copies may run.
            guard known.id != nil else { break }
            if known.isConfirmed, now < known.lastWord + retention, !known.isForgottenByLedger {
                fail("the record of \(known.name) ended before its time, and the job has not run")
            }
            jobs[job].isForgottenByLedger = true
        case .done, .revoked, .withdrawn:
            // However soon its copies are gone, requests and reservations under way must meet it.
            if now < known.lastWord + grace { fail("the record of \(known.name) ended before its time") }
        case .dead:
            if !known.isForgottenByLedger { fail("the record of \(known.name) ended, which is dead") }
            jobs[job].isForgottenByLedger = true
        case .claimed, .waiting:
            if now < known.lastWord + retention, !known.isForgottenByLedger {
                fail("the record of \(known.name) ended before its time, and the job is not done")
            }
            jobs[job].isForgottenByLedger = true
        }
    }

    /// The ledger lost its records.
    package mutating func wiped(_ job: Int) {
        jobs[job].isForgottenByLedger = true
    }
}
