import Beanstalk

// A dead job is a state of the ledger: its copies lie where they are, each asks now and then what became of it, and the
// ledger knows where they lie.
extension ConsumerCore {
    /// Between half of this and all of it passes until a dead job's copy asks again; at least half of the time that the
    /// record lasts of a job that was replayed or dropped meanwhile is left then.
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

    /// The ledger says that the job is dead: its copies go back for long.
    ///
    /// - Parameter knownCopies: those the ledger was told of just now.
    mutating func sendBackDead(_ id: HeldJobID, knownCopies: [StoredCopy], now: Moment) {
        guard let job = jobs[id] else { return }
        let more = places(of: job).filter { !knownCopies.contains($0) }
        if !more.isEmpty { ask(.noteCopies(more), id) }
        let degraded = nodes.map(\.isDegraded)
        for copy in jobs.takeCopies(of: id, where: { !degraded[$0.node] }) {
            send(.release(copy.id, priority: DuePriority.dead, delay: deadDelay(of: copy)), to: copy.node, for: nil)
        }
        if jobs[id]?.copies.isEmpty ?? true {
            jobs.remove(id)
        } else {
            // Their node can write no delay down, so they are kept here, and ask now and then.
            park(id, for: .seconds(30), tries: 1, now: now)
        }
    }

    private func places(of job: HeldJob) -> [StoredCopy] {
        job.copies.map { StoredCopy(settings.nodes[$0.node].address, $0.id) }
    }

    /// Spread by the copy's number, so that copies which died together do not ask together.
    private func deadDelay(of copy: HeldCopy) -> UInt32 {
        let shortest = max(1, longestDeadDelay / 2)
        let spread = UInt64(longestDeadDelay - shortest + 1)
        return shortest + UInt32(truncatingIfNeeded: (copy.id.rawValue &* 0x9E37_79B9_7F4A_7C15) >> 32 % spread)
    }
}
