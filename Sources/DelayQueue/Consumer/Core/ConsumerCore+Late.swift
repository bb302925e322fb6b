import Beanstalk

// A late job is one whose ledger record, if it ever had one, may have run out by now, so that nobody can tell whether
// it ran before. So is one of which only added copies came, and no record: theirs was made before they were written.
extension ConsumerCore {
    /// Whether the record of this job may have run out since it was done: both this machine's clock and the fleet's say
    /// so, as one of them may be wrong by any time.
    func isLateBeyondRetention(_ record: JobContents, now: Moment) -> Bool {
        isLate(record, by: record.copies == 0 ? latestOfUnknownCopies : latestOfKnownCopies, now: now)
    }

    private func isLate(_ record: JobContents, by limit: Int64, now: Moment) -> Bool {
        let (lateness, overflow) = min(now.wall, clock.time(now)).microseconds
            .subtractingReportingOverflow(record.fireTime.microseconds)
        return overflow || lateness > limit
    }

    /// How long, in seconds, an added copy goes back for where the ledger has no record of its job.
    static let addedCopyWait: UInt32 = 30

    /// Applies the policy for late jobs where the ledger has no record of the job, and was told to make none.
    mutating func metNoRecord(_ id: HeldJobID, now: Moment) {
        guard let job = jobs[id], let copy = job.copies.first(where: { $0.isFresh(now.uptime) }) ?? job.copies.first
        else { return }
        if job.isOfAddedCopies, !isLate(job.shared, by: settings.timing.effectiveGrace.wholeMicroseconds, now: now) {
            // The ledger may have lost its records, and then another copy of the job runs it, and makes one.
            if job.copies.contains(where: { links[$0.link].isDegraded }) {
                // Its node takes no delay.
                park(id, for: .seconds(Int64(Self.addedCopyWait)), tries: 1, now: now)
            } else {
                releaseAll(id, delay: Self.addedCopyWait)
            }
            return
        }
        guard clock.hasEstimate, job.isOfAddedCopies || isLateBeyondRetention(job.shared, now: now) else {
            // The ledger has not told its time yet, or has since the claim, and this machine's clock was wrong.
            park(id, for: .milliseconds(clock.hasEstimate ? 0 : 500), now: now)
            return
        }
        guard latePolicy(for: job) == .deliver else {
            // A person who kicks a copy wants it to run.
            jobs.enter(.inspecting(copy: copy.id, link: copy.link), id)
            send(.inspect(copy.id), to: copy.link, for: id)
            return
        }
        effects.append(.lateJob(job.key, lateness: job.fireTime.duration(to: clock.time(now)), .deliver))
        jobs[id]?.mayRunWithoutRecord = true
        jobs.enter(.holding, id)
        claimIfDue(id, now: now)
    }

    /// An added copy is only put aside: it is not known whether its job is over, or the ledger lost it.
    private func latePolicy(for job: HeldJob) -> LateJobPolicy {
        job.isOfAddedCopies ? .bury : settings.latePolicy
    }

    /// Each copy is judged for itself: one of them may have been kicked.
    mutating func inspectedLate(_ id: HeldJobID, link: Int, copy: BeanstalkJobID, isKicked: Bool, now: Moment) {
        guard let job = jobs[id] else { return }
        let policy = latePolicy(for: job)
        jobs.enter(.holding, id)
        if isKicked {
            jobs[id]?.mayRunWithoutRecord = true
        } else if let held = jobs.takeCopies(of: id, where: { $0.id == copy && $0.link == link }).first {
            switch policy.value {
            case .bury, .deliver: send(.bury(copy, priority: held.priority), to: link, for: nil)
            case .discard: send(.delete(copy, index: nil), to: link, for: nil)
            }
            effects.append(.lateJob(job.key, lateness: job.fireTime.duration(to: clock.time(now)), policy))
        }
        if jobs[id]?.copies.isEmpty ?? true { jobs.remove(id) } else { claimIfDue(id, now: now) }
    }
}
