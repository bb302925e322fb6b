/// Decides from a round's history whether every promise was kept. Pure.
///
/// The rules, for every job:
///
/// 1. Accepted (its receipt was printed): a run completed, or it was revoked; the ledger's last word is done or
///    revoked. Whatever the producer was told, a job the ledger knows is done or revoked in the end, and a job that is
///    done has a completed run.
/// 2. No run begins before the fire date; by 100 ms at most where its consumer's clock was wrong a moment ago, as it
///    then reckons the ledger's.
/// 3. Each run has an attempt of its own, which the ledger had granted before the run began. It begins before the
///    attempt's lease ends; later only where its process was stopped (SIGSTOP) between the grant and the run's
///    beginning, because no program can look at the clock and act in one step.
/// 4. A run with a later attempt has an explanation. By the ledger's log the earlier attempt ended in one of these ways
///    before the later one was granted, and by the harness's own records there was a reason for it:
///    * it was retried: its handler had noted a failure before the later grant;
///    * it was handed back: the handler's end, if noted, was before the later grant; and its process had been asked to
///      end, or had been kept from renewing as in the next line;
///    * its lease was over: the process was killed before the lease's end; or, at some time after the next renewal was
///      due (a third of the lease after the last one) and before the lease's end, the process was stopped, its link to
///      the ledger was disturbed, or the ledger was killed or stopped.
/// 5. Runs do not overlap within leases: an earlier run that still goes on when a later one begins has lost its lease
///    by then (the run of a killed or stopped consumer, which nobody could end).
/// 6. No run begins after a revocation was answered with `revoked`.
/// 7. A job refused for certain has no run.
/// 8. A job whose command kills its consumer (poison) does not complete, and is given up after five such deaths at
///    most.
/// 9. Every other job has two runs at most that poison cut short, and is not given up; but for leases that ended while
///    it ran alone, three times, each for a reason that is none of poison's.
/// 10. A job that falls due while one consumer is cut off from the ledger, and nothing else is wrong, is claimed within
///    a lease and five seconds.
/// 11. Of an id that several callers have scheduled jobs under, one job runs at a time: by the ledger no edition is
///    claimed beside another one, none that was withdrawn, none once one is done; and by the callers no run begins of a
///    job after another one was accepted in its place, whose call began when every call of the first was over.
///
/// The ledger's log is Redis's append-only file: the leases in it are exact, and in the clock of the machine.
struct Judge {
    let history: History
    let stories: [String: LedgerStory]
    private let jobs: [String: JobStory]
    private let lives: [ProcessName: Life]
    let runs: [String: [Run]]
    /// When a job killed its consumer.
    let poisonings: [ProcessName: Instant]
    var verdict = Verdict()

    static func judge(_ history: History) -> Verdict {
        var judge = Judge(history)
        judge.judge()
        return judge.verdict
    }

    private init(_ history: History) {
        self.history = history
        stories = LedgerStory.stories(history.ledger, lease: history.lease)
        jobs = Dictionary(history.jobs.map { ($0.token, $0) }) { first, _ in first }
        lives = Dictionary(history.lives.map { ($0.process, $0) }) { first, _ in first }
        runs = Dictionary(grouping: history.runs, by: \.id).mapValues {
            $0.sorted { ($0.attempt, $0.start) < ($1.attempt, $1.start) }
        }
        poisonings = Dictionary(
            history.runs.lazy.filter { $0.outcome == .poisoned }.map { ($0.process, $0.end ?? $0.start) },
            uniquingKeysWith: min)
    }

    private mutating func judge() {
        judgeOutcomes()
        for (id, runs) in runs.sorted(by: { $0.key < $1.key }) {
            for run in runs { judge(run) }
            for runs in Dictionary(grouping: runs, by: \.token).values {
                for (earlier, later) in zip(runs, runs.dropFirst()) { judge(earlier, and: later, of: id) }
            }
        }
        judgeRevocations()
        judgeIDs()
        for job in history.jobs { judgePoison(job) }
        for fault in history.faults { judgeCutOff(fault) }
        for (id, story) in stories {
            for anomaly in story.anomalies { violate(.ledger, "\(id): \(anomaly)") }
        }
        for leftover in history.leftovers { violate(.leftover, leftover) }
        if history.drained == nil { violate(.leftover, "the nodes did not become empty") }
        for life in history.lives {
            if case .byItself(let status) = life.ending, poisonings[life.process] == nil {
                violate(.process, "\(life.process) ended with status \(status.map(String.init) ?? "unknown")")
            }
        }
        verdict.recoveries = Recovery.all(of: history)
        verdict.violations.sort { ($0.rule.rawValue, $0.text) < ($1.rule.rawValue, $1.text) }
    }

    mutating func violate(_ rule: Verdict.Violation.Rule, _ text: String) {
        verdict.violations.append(Verdict.Violation(rule: rule, text: text))
    }

    // MARK: Rules 1 and 7

    private mutating func judgeOutcomes() {
        let completed = Set(history.runs.lazy.filter { $0.outcome == .completed }.map(\.id))
        let revocable = Set(history.revocations.map(\.id))
        for job in history.jobs {
            switch job.fate {
            case .accepted:
                if job.isPoison { continue }
                guard let id = job.id else {
                    violate(.lost, "\(job.token): its receipt names no job")
                    continue
                }
                let isRevoked = stories[id]?.last == .revoked && revocable.contains(id)
                if !completed.contains(id), !isRevoked, stories[id]?.isGivenUp != true {
                    violate(.lost, "\(id): accepted, and did not complete; the ledger says \(lastWord(id))")
                }
            case .refusedForGood:
                for run in history.runs where run.token == job.token {
                    violate(.ranAfterRefusal, "\(run.id): refused for certain, and ran as attempt \(run.attempt)")
                }
            case .refused, .unknown:
                break
            }
        }
        for (id, story) in stories {
            switch story.last {
            // Announced, and never the id's.
            case nil: break
            case .revoked: break
            case .dead where story.isGivenUp: violate(.leftover, "\(id): still dead")
            case .done:
                if !completed.contains(id) { violate(.lost, "\(id): done without a completed run") }
            default: violate(.lost, "\(id): the ledger's last word is \(lastWord(id))")
            }
        }
    }

    private func lastWord(_ id: String) -> String { stories[id]?.last.map { "\($0)" } ?? "nothing" }

    // MARK: Rules 2 and 3

    private mutating func judge(_ run: Run) {
        if let job = jobs[run.token] {
            if let id = job.id, id != run.id { violate(.runWithoutRight, "\(run): with the body of \(id)") }
            if run.start < job.fireDate - (hadWrongClock(run) ? .milliseconds(100) : .zero) {
                violate(.early, "\(run) began \(job.fireDate - run.start) early")
            }
        } else {
            violate(.runWithoutRight, "\(run): nobody scheduled it")
        }
        guard let claim = stories[run.id]?.claim(attempt: run.attempt, date: jobs[run.token]?.fireDate) else {
            violate(.runWithoutRight, "\(run): no such claim")
            return
        }
        if run.start < claim.granted { violate(.runWithoutRight, "\(run) began before its claim") }
        guard run.start > claim.leaseEnd else { return }
        if wasStopped(run.process, claim.granted, run.start) {
            verdict.lateStarts += 1
        } else {
            violate(.runWithoutRight, "\(run) began \(run.start - claim.leaseEnd) after its lease")
        }
    }

    // MARK: Rules 4 and 5

    private mutating func judge(_ earlier: Run, and later: Run, of id: String) {
        guard earlier.attempt < later.attempt else {
            violate(.runWithoutRight, "\(later): \(earlier.process) ran this attempt too")
            return
        }
        // Where a claim is missing that has been said already.
        guard let story = stories[id],
            let claim = story.claim(attempt: earlier.attempt, date: jobs[earlier.token]?.fireDate),
            let next = story.claims.first(where: { $0.attempt > earlier.attempt && $0.edition == claim.edition })
        else { return }
        if let explanation = explain(earlier, claim, endedBefore: next.granted) {
            verdict.reruns[explanation, default: 0] += 1
        } else {
            violate(
                .unexplainedRerun,
                "\(later) after \(earlier), which ended \(earlier.outcome?.rawValue ?? "untold"); "
                    + "its claim was \(claim.ending.map { "\($0)" } ?? "open")")
        }
        let isOver = claim.ending == .retried || claim.ending == .handedBack
        let end = earlier.end ?? (isOver ? next.granted : nil)
        let validUntil = min(end ?? claim.leaseEnd, claim.leaseEnd)
        if later.start < validUntil, earlier.start <= later.start {
            violate(.overlap, "\(later) began \(validUntil - later.start) before the end of \(earlier)")
        }
    }

    private func explain(_ run: Run, _ claim: Claim, endedBefore grant: Instant) -> Verdict.Explanation? {
        switch claim.ending {
        case .retried:
            guard run.outcome == .failed, let end = run.end, end <= grant else { return nil }
            return .handlerFailed
        case .handedBack:
            if let end = run.end, end > grant { return nil }
            if case .asked(let time)? = lives[run.process]?.ending, time <= grant { return .consumerEnded }
            // The handler may have been ended for a lease that was over, and a late renewal been granted all the same; or it
            // ended by itself, and that was seen only when the lease was over.
            let seen = run.outcome == .terminated ? run.end ?? grant : grant
            let ends = claim.lapses.filter { $0 <= seen } + [claim.leaseEnd]
            return ends.lazy.compactMap { obstacle(to: run.process, renewingBefore: $0) }.first
        case .overtaken:
            return obstacle(to: run.process, renewingBefore: claim.leaseEnd)
        case .done, .dead, nil:
            return nil
        }
    }

    /// What kept a process from renewing a claim before its lease ended.
    func obstacle(to process: ProcessName, renewingBefore leaseEnd: Instant) -> Verdict.Explanation? {
        let (from, to) = (leaseEnd - history.lease * 2 / 3, leaseEnd)
        if case .killed(let time)? = lives[process]?.ending, time <= to { return .consumerKilled }
        if let time = poisonings[process], time <= to { return .consumerPoisoned }
        if wasStopped(process, from, to) { return .consumerStopped }
        let faults = history.faults.lazy.filter { $0.overlaps(from, to) }
        if faults.contains(where: { $0.target == .link(process.slot, .ledger) }) { return .cutFromLedger }
        if faults.contains(where: { $0.target == .server(.ledger) }) { return .ledgerAway }
        return nil
    }

    private func hadWrongClock(_ run: Run) -> Bool {
        history.faults.contains {
            $0.target == .clock(run.process.slot) && $0.overlaps(run.start - history.lease, run.start)
        }
    }

    private func wasStopped(_ process: ProcessName, _ from: Instant, _ to: Instant) -> Bool {
        history.faults.contains { $0.kind == .stop && $0.process == process && $0.overlaps(from, to) }
    }

    // MARK: Rule 6

    private mutating func judgeRevocations() {
        for revocation in history.revocations where revocation.outcome == .revoked {
            for run in runs[revocation.id] ?? [] where run.start > revocation.answered {
                violate(
                    .ranAfterRevocation, "\(run) began \(run.start - revocation.answered) after the revocation")
            }
        }
    }
}

extension Run: CustomStringConvertible {
    var description: String { "\(id) attempt \(attempt) on \(process)" }
}
