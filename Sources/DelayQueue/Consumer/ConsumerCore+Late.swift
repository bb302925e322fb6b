import Beanstalk

// A job so late that no record could have outlived it: whether it ran before cannot be told any more.
extension ConsumerCore {
    /// Whether the record of this job may have run out since it was done.
    func isLateBeyondRetention(_ job: HeldJob, now: Moment) -> Bool {
        let retention = settings.timing.retention(ofCopies: job.record.copies)
        // Somewhat early, since the ledger's clock, which ends records, may be ahead of this one.
        let margin = min(settings.timing.effectiveGrace, retention / 10)
        return job.fireTime.duration(to: now.wall) > retention - margin
    }

    /// There is no record, and none was made.
    mutating func metNoRecord(_ id: HeldJobID, copy: BeanstalkJobID, node: Int, now: Moment) {
        guard let job = jobs[id] else { return }
        jobs[id]?.isLateWithoutRecord = true
        guard settings.latePolicy == .deliver else {
            // A person who kicks a copy wants it to run.
            setPhase(id, .inspecting(copy: copy, node: node))
            send(.inspect(copy), to: node, for: id)
            return
        }
        effects.append(.lateJob(job.id, lateness: job.fireTime.duration(to: now.wall), .deliver))
        jobs[id]?.mayRunWithoutRecord = true
        setPhase(id, .holding)
        claimIfDue(id, now: now)
    }

    /// Each copy is judged for itself: one of them may have been kicked.
    mutating func inspectedLate(_ id: HeldJobID, node: Int, copy: BeanstalkJobID, isKicked: Bool, now: Moment) {
        guard let job = jobs[id] else { return }
        jobs[id]?.isLateWithoutRecord = false
        setPhase(id, .holding)
        if isKicked {
            jobs[id]?.mayRunWithoutRecord = true
        } else if let held = take(copy, on: node, from: id) {
            switch settings.latePolicy {
            case .bury, .deliver: send(.bury(copy, priority: held.priority), to: node, for: nil)
            case .discard: send(.delete(copy, index: nil), to: node, for: nil)
            }
            effects.append(.lateJob(job.id, lateness: job.fireTime.duration(to: now.wall), settings.latePolicy))
        }
        if jobs[id]?.copies.isEmpty ?? true { forgetJob(id) } else { claimIfDue(id, now: now) }
    }

    /// Takes one copy out of a job's hands.
    mutating func take(_ copy: BeanstalkJobID, on node: Int, from id: HeldJobID) -> HeldCopy? {
        guard let index = jobs[id]?.copies.firstIndex(where: { $0.id == copy && $0.node == node }) else { return nil }
        nodes[node].held -= 1
        return jobs[id]?.copies.remove(at: index)
    }
}
