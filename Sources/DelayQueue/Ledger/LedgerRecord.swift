import Beanstalk

/// What a ledger keeps about a job, and the rules by which requests change it.
///
/// Pure: the state and the time go in, the next state, its lifetime and the reply come out. `InMemoryLedger` runs
/// on it; the scripts of `RedisLedger` say the same in Lua and are tested against it.
package enum LedgerRecord: Hashable, Sendable {
    /// Somebody runs the job, or did when it was last heard of.
    ///
    /// - Parameter isAlone: it is the only job of its process meanwhile.
    case claimed(ClaimOwner, attempt: Int, failures: JobFailures, leaseEnd: Timestamp, isAlone: Bool = false)

    /// The job failed, its lease ended, or it was given back; the last owner is kept so that a repeated request is
    /// answered alike. Attempt 0 is that of a job which never ran.
    case waiting(ClaimOwner, attempt: Int, failures: JobFailures, notBefore: Timestamp)

    /// The job ran, and these copies are known to be deleted.
    case done(ClaimOwner, deleted: CopySet)

    /// The job shall not run, and these copies are known to be deleted.
    case revoked(fireTime: Timestamp, deleted: CopySet)

    /// The job was given up by its claim's owner. Its copies stay on their nodes, until it is replayed, dropped or
    /// revoked.
    case dead(ClaimOwner, attempt: Int, failures: JobFailures, at: Timestamp, DeathReport)

    /// The job was never its id's: its call took it back or was refused; or another edition took its place. Its copies
    /// are to go unrun.
    case withdrawn

    /// The outcome of a request.
    package struct Transition: Hashable, Sendable {
        /// The record afterwards.
        package var record: LedgerRecord?

        /// How long it lasts from now; nil where it was not written and lasts as long as before.
        package var expiresIn: Duration?

        package var reply: LedgerReply
    }

    /// Decides a request.
    ///
    /// - Parameter record: the state before, nil for none.
    /// - Parameter now: by the ledger's clock.
    package static func apply(
        _ request: LedgerRequest, to record: LedgerRecord?, now: Timestamp
    ) -> Transition {
        let transition =
            switch request.operation {
            case .claim(let owner, let kind, let due):
                early(due, record, now) ?? claim(owner, kind, record, request.timing, now)
            case .endLease(let owner, let attempt, let delay):
                endLease(owner, attempt, delay, record, request.timing, now)
            case .takeTurn(let owner):
                takeTurn(owner, record, request.timing, now)
            case .renew(let owner, let attempt, let failures):
                renew(owner, attempt, recreatingWith: failures, record, request.timing, now)
            case .complete(let owner, let attempt, let copies):
                complete(owner, attempt, copies, record, request.timing)
            case .retry(let owner, let attempt, let delay):
                postpone(owner, attempt, by: delay, addingFailures: 1, record, request.timing, now)
            case .release(let owner, let attempt, let delay):
                postpone(owner, attempt, by: delay, addingFailures: 0, record, request.timing, now)
            case .bury(let owner, let attempt, let report):
                bury(owner, attempt, report, record, now)
            case .noteCopies(let copies):
                note(copies, record)
            case .replay(let owner):
                replay(owner, record, request.timing, now)
            case .revoke(let fireDate, let copies):
                revoke(
                    fireDate.map { (try? Timestamp($0)) ?? .latest }, copies, record, request.timing, now)
            case .forget(let deleted, let copies):
                forget(deleted, of: copies, record, request.timing, now)
            case .record(let owner, let due):
                makeRecord(owner, due, record, request.timing, now)
            case .status, .intend, .confirm, .withdraw, .board:
                // Those of editions are JobEditions' to carry out, those of a queue QueueBoard's.
                nil as Transition?
            case .time:
                Transition(record: record, expiresIn: nil, reply: .time(bounded(now)))
            }
        return transition ?? Transition(record: record, expiresIn: nil, reply: state(of: record, now: now))
    }

    /// Whether this is the record of a dead job of a queue. A key of go-queue's does not name the queue, but the record
    /// does.
    func isDead(in queue: TubeName, _ key: LedgerKey) -> Bool {
        guard case .dead(_, _, _, _, let report) = self else { return false }
        return key.isSharedWithGoQueue ? report.queue == queue : LedgerKey(key.description, in: queue) != nil
    }

    /// The reply that describes a state.
    static func state(of record: LedgerRecord?, now: Timestamp) -> LedgerReply {
        switch record {
        case nil: .absent
        case .claimed(_, _, _, let leaseEnd, _): .held(for: max(now.duration(to: leaseEnd), .zero))
        case .waiting(_, _, _, let notBefore): .waiting(for: max(now.duration(to: notBefore), .zero))
        case .done: .finished(.done)
        case .revoked: .finished(.revoked)
        case .dead: .finished(.dead)
        case .withdrawn: .finished(.withdrawn)
        }
    }
}
