import DelayQueue

extension Judge {
    /// Who deleted a copy, and what for.
    package enum Deleter {
        case consumer(Int)
        /// A producer takes back what one of its calls had written; nil for an edition that the ledger has refused.
        case refusal(call: Int?)
        /// A producer clears away a copy its node could not queue, which counts for nothing.
        case failedPut(call: Int)
        /// Marked: only once the ledger has the job as revoked.
        case revocation(job: Int, isMarked: Bool)
    }

    /// - Parameter call: the call that wrote the copy.
    package mutating func deleted(_ job: Int, writtenBy call: Int, by deleter: Deleter) {
        let known = jobs[job]
        switch deleter {
        case .refusal(let refused):
            if let refused, known.acceptedBy.contains(refused) {
                fail("a copy of \(known.name) was deleted as that of a refused job, which was accepted")
            }
            if known.isConfirmed, !known.isForgottenByLedger {
                switch known.state {
                case .withdrawn, .done, .revoked: break
                default: fail("a copy of \(known.name) was deleted as that of a refused job, which is its id's")
                }
            }
            if let refused, refused != call {
                fail("a refusal deleted a copy of \(known.name), which another call had written")
            }
        case .failedPut(let failed):
            if failed != call { fail("a copy of \(known.name) was deleted, which another call had written") }
        case .revocation(let revoked, let isMarked):
            if revoked != job { fail("the revocation of \(jobs[revoked].name) deleted a copy of \(known.name)") }
            if isMarked, known.state != .revoked, known.state != .withdrawn, !known.isForgottenByLedger {
                fail("a copy of \(known.name) was deleted, which the ledger does not have as revoked")
            }
        case .consumer:
            if known.isForgottenByLedger || known.wasDiscarded || known.mayBeRevoked { return }
            switch known.state {
            case .done, .revoked, .withdrawn: break
            case .absent, .claimed, .waiting, .dead:
                fail("a copy of \(known.name) was deleted, which is not done")
            }
        }
    }

    package mutating func undeleted(_ job: Int, deletedAt: Int64) {
        jobs[job].undeletedAt = min(jobs[job].undeletedAt ?? deletedAt, deletedAt)
    }

    package mutating func kicked(_ job: Int) {
        jobs[job].isKicked = true
    }

    package mutating func added(_ job: Int) {
        jobs[job].hasAddedCopy = true
    }

    // MARK: The end

    /// Whether nothing more can be asked for this job.
    ///
    /// - Parameter copies: how many of its copies are left.
    package func hasEnded(_ job: Int, copies: Int) -> Bool {
        let known = jobs[job]
        if copies > 0 { return false }
        // It ran all the same once its record had ended, perhaps not to its end: its id has another one.
        if known.isReplaced, known.isForgottenByLedger { return true }
        switch known.state {
        case .done: return true
        case .revoked where known.isToBeRevoked: return true
        case .withdrawn where known.isReplaced: return true
        case .absent, .claimed, .waiting, .dead, .revoked, .withdrawn:
            return !known.isAccepted && !known.isOwed || known.isRevoked || known.mayBeRevoked || known.wasDiscarded
                || known.wasCompleted
        }
    }

    /// Why a job at its end is not as promised; nil where it is.
    package func loss(of job: Int, copies: Int) -> String? {
        if hasEnded(job, copies: copies) {
            return isIDLost(job) ? "no edition of \(jobs[job].name)'s id was completed" : nil
        }
        return copies > 0
            ? "\(copies) copies of \(jobs[job].name) are left that nobody clears away"
            : "\(jobs[job].name) was accepted, never completed, and is gone"
    }
}
