// Nothing runs without the ledger's word. While it is away it is asked now and then whether it is back, which needs no
// copy of a job; then one claim finds out whether it serves. Whoever alone is cut off must not keep jobs from the others:
// what was reserved before is held for a lease, in case all are cut off, and then goes back.
extension ConsumerCore {
    /// Grows while the ledger stays away.
    var ledgerRetryDelay: Duration {
        min(.milliseconds(50) * (1 << min(ledgerFailures, 5)), .seconds(1))
    }

    /// Whether the ledger has been away for a lease.
    func isCutOff(_ now: Moment) -> Bool {
        guard let since = ledgerAwaySince else { return false }
        return now.uptime - since >= settings.lease
    }

    /// How many copies are held of jobs that nobody here has a claim of, or asks for one.
    package var unclaimedCopies: Int {
        jobs.reduce(0) { sum, entry in
            switch entry.job.phase {
            case .holding, .parked, .inspecting: entry.job.isForeign ? sum : sum + entry.job.copies.count
            case .claiming, .verifying, .claimed, .settling: sum
            }
        }
    }

    mutating func ledgerIsReached() {
        guard ledgerFailures > 0 || isLedgerAnswering else { return }
        ledgerFailures = 0
        ledgerAwaySince = nil
        isLedgerAnswering = false
    }

    /// - Parameter sentAt: when it was asked what it did not answer.
    mutating func ledgerIsAway(askedAt sentAt: Moment, now: Moment) {
        // Others of its batches may have been answered meanwhile.
        let since = max(sentAt.uptime, ledgerReachedAt ?? sentAt.uptime)
        ledgerAwaySince = min(ledgerAwaySince ?? since, since)
        ledgerFailures += 1
        // Not put off by each further call that fails.
        nextCheckIn = min(nextCheckIn ?? .distantFuture, now.uptime + ledgerRetryDelay)
        isLedgerAnswering = false
        if isCutOff(now) { letGo(now: now) }
    }

    /// Gives back all copies of jobs that this consumer has no claim of. What it asks for may take long to fail, or be
    /// granted after all: that is given back unrun.
    mutating func letGo(now: Moment) {
        handOn(now: now)
        for (id, job) in jobs {
            if case .claiming = job.phase { releaseCopies(of: id, delay: secondsUntilDue(job, now: now)) }
        }
    }

    mutating func ledgerProbed(isAnswering: Bool, now: Moment) {
        guard isAnswering, ledgerFailures > 0 else { return }
        isLedgerAnswering = true
        let time = clock.time(now)
        guard let next = jobs.first(where: { $0.job.isParked && solo?.job != $0.id && $0.job.due <= time }) else {
            return
        }
        jobs.enter(.holding, next.id)
        claimIfDue(next.id, now: now)
    }

    /// Whether the ledger is to be asked for a claim now.
    func mayClaim(_ job: HeldJob, now: Moment) -> Bool {
        guard ledgerFailures == 0 || (isLedgerAnswering && claimsUnderway == 0) else { return false }
        return !job.isSuspect || mayAskForTurn(now)
    }
}

extension HeldJob {
    var isParked: Bool { if case .parked = phase { true } else { false } }
}
