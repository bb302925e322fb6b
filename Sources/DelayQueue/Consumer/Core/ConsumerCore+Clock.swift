import Beanstalk
import HeapModule

// What is due is decided by the fleet's clock. Three clocks tell of a job's date: this machine's, the ledger's, and the
// node that had its copy ready, which counted from what its producer took for the time. None decides alone.
extension ConsumerCore {
    /// For how long a copy goes back, in seconds, that is ready long before its date: where this machine's clock and the
    /// ledger's agree on that, and where they do not.
    static let earlyDelays: (agreed: UInt32, other: UInt32) = (60, 1)

    mutating func timeTold(_ time: Timestamp, sentAt: Moment, now: Moment) {
        let before = clock.time(now)
        clock.learn(time, sentAt: sentAt.uptime, now: now.uptime)
        let jump = before.duration(to: clock.time(now))
        if abs(jump.wholeMicroseconds) > FleetClock.tolerance.wholeMicroseconds { clockJumped(by: jump, now: now) }
        if let skew = clock.skew(at: now) { effects.append(.timeTold(skew: skew)) }
        if let change = clock.compare(now) { effects.append(.clocks(change)) }
    }

    /// The time is another one than was believed: waits last as long as before, what was due stays so once it was asked
    /// about, and dates come when they come.
    private mutating func clockJumped(by jump: Duration, now: Moment) {
        for (id, job) in jobs where !job.isForeign {
            guard case .holding = job.phase, job.due == job.fireTime else {
                job.due = job.due + jump
                if case .holding = job.phase { dueHeap.insert(DueJob(due: job.due, job: id)) }
                continue
            }
            if clock.time(now).duration(to: job.due) > holdLimit {
                releaseAll(id, delay: earlyDelay(until: job.due, now: now))
            } else {
                dueHeap.insert(DueJob(due: job.due, job: id))
            }
        }
    }

    /// The delay of a copy that its node had ready long before its date. It is short, as that is a matter of clocks, and
    /// nobody knows which of them is wrong.
    func earlyDelay(until date: Timestamp, now: Moment) -> UInt32 {
        let limit = clock.isConfirmed(now) ? Self.earlyDelays.agreed : Self.earlyDelays.other
        return min(PutDelay.releaseSeconds(until: date, now: clock.time(now)), limit)
    }

    /// Whether the ledger's clock alone says that a job is not due, whose copy its node has ready, or a standby within its
    /// two seconds, and which is due, or nearly so, by this machine's clock as well.
    func isLedgerOutvoted(of date: Timestamp, now: Moment) -> Bool {
        clock.isLedgerOutvoted(now) && now.wall.duration(to: date) <= settings.holdHorizon
            && clock.time(now).duration(to: date) > FleetClock.farBehind
    }

    /// By the ledger's clock the date of a job that was claimed is still to come.
    mutating func waitForDate(_ id: HeldJobID, for remaining: Duration, now: Moment) {
        jobs.enter(.holding, id)
        guard let job = jobs[id] else { return }
        if !mayBegin || remaining > holdLimit {
            releaseAll(id, delay: !mayBegin ? 0 : Self.earlyDelays.other)
            return
        }
        job.due = clock.time(now) + remaining
        dueHeap.insert(DueJob(due: job.due, job: id))
    }
}
