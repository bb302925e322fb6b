package import DelayQueue

/// An id of a caller's own means one job, whoever writes it, and however often.
extension Judge {
    /// The other editions of a job's id.
    func rivals(of job: Int) -> [Int] {
        guard let id = jobs[job].id else { return [] }
        return jobs.indices.filter { $0 != job && jobs[$0].id == id }
    }

    mutating func answeredOfEdition(
        _ operation: LedgerRequest.Operation, _ reply: LedgerReply, job: Int, now: Int64
    ) {
        guard jobs[job].id != nil else { return }
        switch (operation, reply) {
        case (.confirm(_, let isReplacing), .confirmed): confirmed(job, isReplacing: isReplacing, now: now)
        // Of an announcement that was lost nothing is known.
        case (.confirm, .absent): break
        case (.confirm, _): withdrawn(job, now: now)
        case (.withdraw, .withdrawn), (.claim, .finished(.withdrawn)): withdrawn(job, now: now)
        case (.claim, .granted):
            checkEdition(job)
            // Nobody was there to confirm it, and the id had no other.
            jobs[job].isConfirmed = true
        case (.revoke(nil, _), .revoked): willRevoke(job)
        default: break
        }
    }

    private mutating func confirmed(_ job: Int, isReplacing: Bool, now: Int64) {
        let known = jobs[job]
        if known.isConfirmed { return }
        if known.state == .withdrawn, !known.isForgottenByLedger {
            fail("\(known.name) was confirmed after it was withdrawn")
        }
        jobs[job].isConfirmed = true
        jobs[job].isOwed = true
        jobs[job].lastWord = now
        // Beside those that lost writes have left, another one of them may count as the id's.
        let isAnyForgotten = rivals(of: job).contains { jobs[$0].isForgottenByLedger }
        for rival in rivals(of: job) where jobs[rival].isConfirmed && !jobs[rival].isReplaced {
            let other = jobs[rival]
            guard !other.isForgottenByLedger else {
                // The ledger may not know it any more, or know only that it was announced.
                jobs[rival].isReplaced = true
                continue
            }
            switch other.state {
            case .absent, .waiting:
                if !isReplacing { fail("\(known.name) took the place of \(other.name), unasked") }
            case .claimed, .done, .revoked, .dead:
                if other.hasRecord, !isAnyForgotten {
                    fail("\(known.name) was confirmed although \(other.name) is \(other.state)")
                }
            case .withdrawn: continue
            }
            jobs[rival].isReplaced = true
            write(rival, .withdrawn, now: now)
        }
    }

    private mutating func withdrawn(_ job: Int, now: Int64) {
        let known = jobs[job]
        if known.state == .withdrawn { return }
        if known.isConfirmed, !known.isReplaced, !known.isForgottenByLedger {
            fail("\(known.name) was withdrawn although it had been confirmed")
        }
        // The ledger lost the word that it is its id's, but not that it was announced, and the id has another one: then
        // that one runs.
        if known.isConfirmed, known.isForgottenByLedger { jobs[job].isReplaced = true }
        write(job, .withdrawn, now: now)
    }

    /// Of an id whose job is owed to somebody, one edition comes to a good end.
    func isIDLost(_ job: Int) -> Bool {
        guard jobs[job].isReplaced, jobs[job].isOwed || jobs[job].isAccepted else { return false }
        return !([job] + rivals(of: job)).contains {
            let other = jobs[$0]
            return !other.isReplaced || other.wasCompleted || other.isRevoked || other.mayBeRevoked
                || other.wasDiscarded
        }
    }

    /// It runs, or may: is it the only one of its id that does?
    mutating func checkEdition(_ job: Int) {
        let known = jobs[job]
        guard !known.isForgottenByLedger else { return }
        if known.isReplaced { fail("\(known.name) runs although another one was confirmed in its place") }
        if rivals(of: job).contains(where: { jobs[$0].isForgottenByLedger }) { return }
        for rival in rivals(of: job) where !jobs[rival].isForgottenByLedger && jobs[rival].hasRecord {
            let other = jobs[rival]
            switch other.state {
            case .claimed, .done, .waiting, .revoked, .dead:
                fail("\(known.name) runs, and so does \(other.name), which is \(other.state)")
            case .absent, .withdrawn: break
            }
        }
    }

    /// A caller was told that this edition is its job already.
    package mutating func foundScheduled(_ job: Int, now: Int64) {
        let known = jobs[job]
        if !known.isConfirmed { fail("\(known.name) was said to be scheduled, and is not confirmed") }
        if !known.isAccepted {
            jobs[job].isAccepted = true
            jobs[job].acceptedAt = now
        }
    }

    /// The answer to a revocation of whatever the id means, nil for none: those that were its jobs meanwhile.
    package mutating func revokedID(_ id: JobID, _ outcome: RevokeOutcome?) {
        for job in jobs.indices where jobs[job].id == id && jobs[job].isToBeRevoked {
            if jobs[job].state == .revoked || outcome == nil { revoked(job, outcome) }
        }
    }
}
