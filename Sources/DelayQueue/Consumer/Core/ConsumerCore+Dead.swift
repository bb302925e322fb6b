import Beanstalk

// That a job is dead is a state of its ledger record only: its copies stay on their nodes, with long delays. When a
// consumer reserves one of them, it asks the ledger what has become of the job, and tells it where the copy lies.
extension ConsumerCore {
    /// The longest delay, in seconds, with which a dead job's copy goes back to its node; the shortest is half of it.
    /// It is a day, or half of what the record of a replayed or dropped job lasts where that is less, so that each copy
    /// comes back in time to meet that record.
    static func longestDeadDelay(_ timing: LedgerTiming) -> UInt32 {
        let retention = min(timing.retention(ofCopies: 0), timing.retention(ofCopies: 1))
        return UInt32(clamping: max(1, min(86_400, retention.components.seconds / 2)))
    }

    func deathReport(of id: HeldJobID, reason: String) -> DeathReport {
        guard let job = jobs[id] else { return DeathReport(reason: reason, consumer: settings.name) }
        return DeathReport(
            reason: reason, consumer: settings.name, queue: job.key.isSharedWithGoQueue ? settings.queue : nil,
            copies: places(of: job))
    }

    /// Gives the copies of a dead job back to their nodes with a long delay.
    ///
    /// - Parameter knownCopies: the copies whose places the ledger has just been told.
    mutating func sendBackDead(_ id: HeldJobID, knownCopies: [StoredCopy], now: Moment) {
        guard let job = jobs[id] else { return }
        let more = places(of: job).filter { !knownCopies.contains($0) }
        if !more.isEmpty { ask(.noteCopies(more), id) }
        let degraded = links.map(\.isDegraded)
        for copy in jobs.takeCopies(of: id, where: { !degraded[$0.link] }) {
            send(.release(copy.id, priority: DuePriority.dead, delay: deadDelay(of: copy)), to: copy.link, for: nil)
        }
        if jobs[id]?.copies.isEmpty ?? true {
            jobs.remove(id)
        } else {
            // The copies that are left are on nodes that can take no delay. They are kept here, and the ledger is asked
            // about them now and then.
            park(id, for: .seconds(30), tries: 1, now: now)
        }
    }

    private func places(of job: HeldJob) -> [StoredCopy] {
        job.copies.map { StoredCopy(settings.nodes[node(of: $0.link)].address, $0.id) }
    }

    /// The delay depends on the copy's number, so that copies of jobs that died at the same time do not come back at
    /// the same time.
    private func deadDelay(of copy: HeldCopy) -> UInt32 {
        let shortest = max(1, longestDeadDelay / 2)
        let spread = UInt64(longestDeadDelay - shortest + 1)
        return shortest + UInt32(truncatingIfNeeded: (copy.id.rawValue &* 0x9E37_79B9_7F4A_7C15) >> 32 % spread)
    }
}
