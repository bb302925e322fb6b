import DelayQueue

/// Redis in memory: the ledger's rules, records that run out, and a clock of its own.
final class SimulatedLedger {
    private struct Stored {
        var record: LedgerRecord
        var expiresAt: Int64
    }

    /// By the number of the job.
    private var records: [Stored?] = []
    private var numbers: [LedgerKey: Int] = [:]
    /// Who may run a suspect.
    private var turn: LedgerRecord?
    private(set) var clock: SimulatedClock
    private var latestClock: Int64 = 0
    var isUp = true
    var isHung = false
    /// What was sent to it while it hung.
    var inbox: [() -> Void] = []

    init(clock: SimulatedClock) {
        self.clock = clock
    }

    func time(_ now: Int64) -> Timestamp { Timestamp(microseconds: clock.time(now)) }

    /// The latest time its clock ever showed.
    func latestReading(_ now: Int64) -> Int64 { max(latestClock, clock.time(now)) }

    /// - Returns: the jobs with leases or waits, which end by this clock.
    func stepClock(by step: Int64, now: Int64) -> [Int] {
        latestClock = latestReading(now)
        clock.offset += step
        return records.indices.filter { job in
            switch records[job]?.record {
            case .claimed, .waiting: true
            default: false
            }
        }
    }

    func add(_ key: LedgerKey, number: Int) {
        numbers[key] = number
        while records.count <= number { records.append(nil) }
    }

    func number(of key: LedgerKey) -> Int? { numbers[key] }

    /// Carries out a request, for a job the judge knows.
    func perform(
        _ request: LedgerRequest, job: Int, now: Int64, judge: inout Judge
    ) -> LedgerReply {
        if let stored = records[job], stored.expiresAt <= now {
            records[job] = nil
            judge.expired(job, now: now)
        }
        let before = records[job]
        let transition = LedgerRecord.apply(
            request, to: before?.record, now: time(now))
        if let record = transition.record {
            guard let expiresAt = transition.expiresIn.map({ now + $0.wholeMicroseconds }) ?? before?.expiresAt else {
                judge.fail("the record of \(request.key) would last for ever")
                return transition.reply
            }
            records[job] = Stored(record: record, expiresAt: expiresAt)
        } else {
            records[job] = nil
        }
        judge.answered(request.operation, transition.reply, job: job, now: now)
        return transition.reply
    }

    func performTurn(_ request: LedgerRequest, now: Int64, judge: inout Judge) -> LedgerReply {
        let transition = LedgerRecord.apply(request, to: turn, now: time(now))
        turn = transition.record
        judge.answeredTurn(request.operation, transition.reply, now: now)
        return transition.reply
    }

    /// What an operator finds when it looks through the records.
    var deadJobs: [(key: LedgerKey, job: Int, report: DeathReport)] {
        numbers.compactMap { key, job in
            if case .dead(_, _, _, _, let report) = records[job]?.record { (key, job, report) } else { nil }
        }.sorted { $0.job < $1.job }
    }

    /// It comes back empty.
    ///
    /// - Returns: the jobs whose records were lost.
    func wipe(now: Int64) -> [Int] {
        let lost = records.indices.filter { records[$0].map { $0.expiresAt > now } ?? false }
        for job in lost { records[job] = nil }
        turn = nil
        return lost
    }

    /// The time at which the last record will be gone, but for those that go by a decision only.
    var lastExpiry: Int64 {
        records.lazy.compactMap { stored in
            if case .dead = stored?.record { nil } else { stored?.expiresAt }
        }.max() ?? 0
    }
}
