// Each rule answers nil where the request does not apply: the record stays, and the reply is its state.
extension LedgerRecord {
    static func claim(
        _ owner: ClaimOwner, _ kind: LedgerRequest.ClaimKind, _ record: LedgerRecord?, _ timing: LedgerTiming,
        _ now: Timestamp
    ) -> Transition? {
        func grant(attempt: Int, failures: JobFailures, isAlone: Bool = false) -> Transition {
            Transition(
                record: .claimed(
                    owner, attempt: attempt, failures: failures, leaseEnd: bounded(now + timing.lease),
                    isAlone: isAlone || (kind == .alone && failures.isSuspect)),
                expiresIn: timing.retentionOfLiveRecords,
                reply: .granted(attempt: attempt, failures: failures))
        }
        switch record {
        case nil:
            return kind == .creating ? grant(attempt: 1, failures: 0) : nil
        case .claimed(owner, let attempt, let failures, _, let isAlone):
            return grant(attempt: attempt, failures: failures, isAlone: isAlone)
        case .claimed(_, let attempt, let failures, let leaseEnd, let isAlone):
            guard leaseEnd <= now else { return nil }
            return Transition(
                record: record, expiresIn: nil,
                reply: .ended(attempt: attempt, failures: failures.addingEndedLease(alone: isAlone)))
        case .waiting(_, let attempt, let failures, let notBefore):
            guard notBefore <= now else { return nil }
            guard !failures.isSuspect || kind == .alone else {
                return Transition(record: record, expiresIn: nil, reply: .suspect(failures))
            }
            return grant(attempt: attempt + 1, failures: failures)
        case .done, .revoked, .dead, .withdrawn:
            return nil
        }
    }

    static func endLease(
        _ owner: ClaimOwner, _ attempt: Int, _ delay: Duration, _ record: LedgerRecord?, _ timing: LedgerTiming,
        _ now: Timestamp
    ) -> Transition? {
        guard case .claimed(_, attempt, let failures, let leaseEnd, let isAlone) = record, leaseEnd <= now else {
            return nil
        }
        let delay = max(delay, .zero)
        let waiting = LedgerRecord.waiting(
            owner, attempt: attempt, failures: failures.addingEndedLease(alone: isAlone),
            notBefore: bounded(now + delay))
        return Transition(
            record: waiting, expiresIn: delay + timing.retentionOfLiveRecords, reply: state(of: waiting, now: now))
    }

    /// A turn is a claim of which nothing is counted.
    static func takeTurn(
        _ owner: ClaimOwner, _ record: LedgerRecord?, _ timing: LedgerTiming, _ now: Timestamp
    ) -> Transition? {
        switch record {
        case nil, .waiting, .claimed(owner, _, _, _, _): break
        case .claimed(_, _, _, let leaseEnd, _) where leaseEnd <= now: break
        case .claimed, .done, .revoked, .dead, .withdrawn: return nil
        }
        return Transition(
            record: .claimed(owner, attempt: 1, failures: 0, leaseEnd: bounded(now + timing.lease)),
            expiresIn: timing.retentionOfLiveRecords, reply: .granted(attempt: 1, failures: 0))
    }

    static func renew(
        _ owner: ClaimOwner, _ attempt: Int, recreatingWith restored: JobFailures?, _ record: LedgerRecord?,
        _ timing: LedgerTiming, _ now: Timestamp
    ) -> Transition {
        let failures: JobFailures
        var isAlone = false
        switch record {
        case .claimed(owner, attempt, let known, _, let wasAlone):
            failures = known
            isAlone = wasAlone
        case nil:
            // That it ran alone is not restored: what is doubtful counts for the job.
            guard let restored else { return .lost(record) }
            failures = bounded(restored)
        default:
            return .lost(record)
        }
        return Transition(
            record: .claimed(
                owner, attempt: bounded(attempt), failures: failures, leaseEnd: bounded(now + timing.lease),
                isAlone: isAlone),
            expiresIn: timing.retentionOfLiveRecords,
            reply: .renewed)
    }

    static func complete(
        _ owner: ClaimOwner, _ attempt: Int, _ copies: Int, _ record: LedgerRecord?, _ timing: LedgerTiming
    ) -> Transition {
        switch record {
        case .claimed(owner, attempt, _, _, _):
            Transition(
                record: .done(owner, deleted: []), expiresIn: timing.retention(ofCopies: copies), reply: .settled)
        case .done(owner, _):
            Transition(record: record, expiresIn: nil, reply: .settled)
        default:
            .lost(record)
        }
    }

    static func postpone(
        _ owner: ClaimOwner, _ attempt: Int, by delay: Duration, addingFailures added: Int, _ record: LedgerRecord?,
        _ timing: LedgerTiming, _ now: Timestamp
    ) -> Transition {
        switch record {
        case .claimed(owner, attempt, let failures, _, _):
            let delay = max(delay, .zero)
            return Transition(
                record: .waiting(
                    owner, attempt: attempt, failures: failures.adding(errors: added), notBefore: bounded(now + delay)),
                expiresIn: delay + timing.retentionOfLiveRecords,
                reply: .settled)
        case .waiting(owner, attempt, _, _):
            return Transition(record: record, expiresIn: nil, reply: .settled)
        default:
            return .lost(record)
        }
    }

    /// The record of a dead job does not run out: without it the job's copies, which stay on their nodes, would run
    /// again.
    static func bury(
        _ owner: ClaimOwner, _ attempt: Int, _ report: DeathReport, _ record: LedgerRecord?, _ now: Timestamp
    ) -> Transition {
        switch record {
        case .claimed(owner, attempt, let failures, _, _):
            Transition(
                record: .dead(owner, attempt: attempt, failures: failures, at: bounded(now), report),
                expiresIn: LedgerTiming.retentionOfDeadJobs, reply: .settled)
        case .dead(owner, attempt, _, _, _):
            Transition(record: record, expiresIn: nil, reply: .settled)
        default:
            .lost(record)
        }
    }

    static func note(_ copies: [StoredCopy], _ record: LedgerRecord?) -> Transition? {
        guard case .dead(let owner, let attempt, let failures, let time, var report) = record else { return nil }
        report.add(copies)
        return Transition(
            record: .dead(owner, attempt: attempt, failures: failures, at: time, report),
            expiresIn: LedgerTiming.retentionOfDeadJobs,
            reply: .noted)
    }

    static func replay(
        _ owner: ClaimOwner, _ record: LedgerRecord?, _ timing: LedgerTiming, _ now: Timestamp
    ) -> Transition? {
        switch record {
        case .dead(_, let attempt, _, _, _):
            Transition(
                record: .waiting(owner, attempt: attempt, failures: 0, notBefore: bounded(now)),
                expiresIn: timing.retentionOfLiveRecords, reply: .replayed)
        case .waiting(owner, _, _, _):
            Transition(record: record, expiresIn: nil, reply: .replayed)
        default:
            nil
        }
    }

    static func revoke(
        _ fireTime: Timestamp?, _ copies: Int, _ record: LedgerRecord?, _ timing: LedgerTiming, _ now: Timestamp
    ) -> Transition? {
        if record == nil, fireTime == nil { return nil }
        var fireTime = bounded(fireTime ?? now)
        var deleted: CopySet = []
        switch record {
        case .claimed(_, _, _, let leaseEnd, _) where leaseEnd > now:
            return Transition(record: record, expiresIn: nil, reply: .running)
        case .done:
            return Transition(record: record, expiresIn: nil, reply: .alreadyDone)
        case .withdrawn:
            return Transition(record: record, expiresIn: nil, reply: .revoked)
        case .revoked(let known, let gone):
            fireTime = max(fireTime, known)
            deleted = gone
        case nil, .claimed, .waiting, .dead:
            break
        }
        return Transition(
            record: .revoked(fireTime: fireTime, deleted: deleted),
            expiresIn: lifetime(ofRevokedAt: fireTime, deleted, of: copies, timing, now),
            reply: .revoked)
    }

    static func forget(
        _ gone: CopySet, of copies: Int, _ record: LedgerRecord?, _ timing: LedgerTiming, _ now: Timestamp
    ) -> Transition? {
        if gone.coversAll(of: copies) {
            // This is so in whatever state the record is: with every copy gone there is nothing left that it could
            // decide.
            return record.map { Transition(record: $0, expiresIn: timing.effectiveGrace, reply: .forgotten) }
        }
        switch record {
        case .done, .revoked:
            // Deleted copies are noted only to be counted. Where they cannot be, the record stays as it is, and lasts
            // as long as before.
            guard copies > 0, record != .lockOfGoQueue else {
                return Transition(record: record, expiresIn: nil, reply: .forgotten)
            }
        default:
            return nil
        }
        switch record {
        case .done(let owner, var deleted):
            deleted.formUnion(gone)
            return Transition(
                record: .done(owner, deleted: deleted),
                expiresIn: deleted.coversAll(of: copies)
                    ? timing.effectiveGrace : timing.retention(ofCopies: copies),
                reply: .forgotten)
        case .revoked(let fireTime, var deleted):
            deleted.formUnion(gone)
            return Transition(
                record: .revoked(fireTime: fireTime, deleted: deleted),
                expiresIn: lifetime(ofRevokedAt: fireTime, deleted, of: copies, timing, now),
                reply: .forgotten)
        default:
            return nil
        }
    }

    static func makeRecord(
        _ owner: ClaimOwner, _ due: Timestamp, _ record: LedgerRecord?, _ timing: LedgerTiming, _ now: Timestamp
    ) -> Transition? {
        guard record == nil, bounded(due) + timing.latestWithoutRecord(ofCopies: 1) > now else { return nil }
        // The date is what a claim tells, as of a job without a record.
        let waiting = LedgerRecord.waiting(owner, attempt: 0, failures: 0, notBefore: Timestamp(microseconds: 0))
        return Transition(
            record: waiting,
            expiresIn: max(now.duration(to: bounded(due)), .zero) + timing.retentionOfLiveRecords,
            reply: state(of: waiting, now: now))
    }

    private static func lifetime(
        ofRevokedAt fireTime: Timestamp, _ deleted: CopySet, of copies: Int, _ timing: LedgerTiming, _ now: Timestamp
    ) -> Duration {
        if deleted.coversAll(of: copies) { return timing.effectiveGrace }
        return max(now.duration(to: fireTime), .zero) + timing.retention(ofCopies: copies)
    }
}

extension LedgerRecord {
    /// So long before its date, by the ledger's clock, a job may be claimed, as the clocks of consumers are used where
    /// they differ by no more.
    package static let earliness = FleetClock.tolerance

    /// A job that never ran does not begin to before its date.
    static func early(_ due: Timestamp?, _ record: LedgerRecord?, _ now: Timestamp) -> Transition? {
        guard let due, hasNotRun(record) else { return nil }
        let rest = now.duration(to: bounded(due))
        return rest > earliness ? Transition(record: record, expiresIn: nil, reply: .early(for: rest)) : nil
    }

    private static func hasNotRun(_ record: LedgerRecord?) -> Bool {
        switch record {
        case nil, .waiting(_, attempt: 0, _, _): true
        default: false
        }
    }

    /// The nearest time that a record can hold.
    static func bounded(_ time: Timestamp) -> Timestamp {
        min(max(time, Timestamp(microseconds: 0)), .latest)
    }

    private static func bounded(_ count: Int) -> Int {
        min(max(count, 0), largestCount)
    }

    private static func bounded(_ failures: JobFailures) -> JobFailures {
        JobFailures(
            errors: bounded(failures.errors), endedLeases: bounded(failures.endedLeases),
            endedAlone: bounded(failures.endedAlone))
    }
}

extension LedgerRecord.Transition {
    fileprivate static func lost(_ record: LedgerRecord?) -> LedgerRecord.Transition {
        LedgerRecord.Transition(record: record, expiresIn: nil, reply: .lost)
    }
}
