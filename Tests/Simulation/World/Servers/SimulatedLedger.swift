import DelayQueue

/// Redis in memory: the ledger's rules, records that run out, and a clock of its own.
final class SimulatedLedger {
    private struct Stored {
        var value: LedgerValue
        var expiresAt: Int64
    }

    /// A key, and the jobs it is about: one, or the editions of an id.
    private struct Record {
        var stored: Stored?
        var jobs: [(number: Int, edition: JobEdition?)] = []
    }

    /// What a record was before it was written.
    private struct Write {
        let time: Int64
        let record: Int
        let before: Stored?
    }

    private var records: [Record] = []
    private var places: [LedgerKey: Int] = [:]
    private var keys: [LedgerKey] = []
    /// By the number of the job.
    private var recordOfJob: [Int: Int] = [:]
    /// The latest writes, which a failover may lose.
    private var writes: [Write] = []
    /// Who may run a suspect.
    private var turn: LedgerRecord?
    private var board: (value: QueueBoard, expiresAt: Int64)?
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
        return records.flatMap { record in
            record.jobs.filter { job in
                switch record.stored?.value.record(of: job.edition) {
                case .claimed, .waiting: true
                // An announcement is over by this clock too.
                default: job.edition != nil
                }
            }.map(\.number)
        }
    }

    func add(_ key: LedgerKey, number: Int) {
        let place: Int
        if let known = places[key.ofAnyEdition] {
            place = known
        } else {
            place = records.count
            places[key.ofAnyEdition] = place
            keys.append(key.ofAnyEdition)
            records.append(Record())
        }
        records[place].jobs.append((number, key.edition))
        recordOfJob[number] = place
    }

    /// Where no edition is asked about, the one that is the id's; or any, where none is.
    func number(of key: LedgerKey) -> Int? {
        guard let place = places[key.ofAnyEdition] else { return nil }
        let record = records[place]
        if let edition = key.edition { return record.jobs.first { $0.edition == edition }?.number }
        if case .editions(let editions)? = record.stored?.value, let current = editions.current {
            let edition = editions.entries[current].edition
            return record.jobs.first { $0.edition == edition }?.number
        }
        return record.jobs.first?.number
    }

    /// Carries out a request, for a job the judge knows.
    func perform(
        _ request: LedgerRequest, job: Int, now: Int64, judge: inout Judge
    ) -> LedgerReply {
        guard let place = recordOfJob[job] else { return .absent }
        if let stored = records[place].stored, stored.expiresAt <= now {
            records[place].stored = nil
            for job in records[place].jobs { judge.expired(job.number, now: now) }
        }
        let before = records[place].stored
        let transition = LedgerValue.apply(request, to: before?.value, now: time(now))
        if let value = transition.value {
            guard let expiresAt = transition.expiresIn.map({ now + $0.wholeMicroseconds }) ?? before?.expiresAt else {
                judge.fail("the record of \(request.key) would last for ever")
                return transition.reply
            }
            records[place].stored = Stored(value: value, expiresAt: expiresAt)
        } else {
            records[place].stored = nil
        }
        if transition.expiresIn != nil {
            writes.removeAll { $0.time < now - 2_000_000 }
            writes.append(Write(time: now, record: place, before: before))
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

    func perform(_ operation: BoardOperation, now: Int64, judge: inout Judge) -> LedgerReply {
        if let known = board, known.expiresAt <= now { board = nil }
        let transition = QueueBoard.apply(operation, to: board?.value, now: time(now))
        let expiresAt = transition.expiresIn.map { now + $0.wholeMicroseconds } ?? board?.expiresAt ?? now
        board = transition.board.map { ($0, expiresAt) }
        judge.answeredOnBoard(operation, transition.reply, now: now)
        return transition.reply
    }

    /// The ids of the consumers that are on the board.
    var consumersOnBoard: Set<String> { Set(board?.value.consumers.keys.map { $0 } ?? []) }

    /// What an operator finds when it looks through the records.
    var deadJobs: [(key: LedgerKey, job: Int, report: DeathReport)] {
        records.indices.compactMap { place in
            guard let (key, record) = records[place].stored?.value.deadRecord(in: .default, keys[place]),
                case .dead(_, _, _, _, let report) = record, let job = number(of: key)
            else { return nil }
            return (key, job, report)
        }.sorted { $0.job < $1.job }
    }

    /// It comes back empty.
    ///
    /// - Returns: the jobs whose records were lost.
    func wipe(now: Int64) -> [Int] {
        let lost = records.indices.filter { records[$0].stored.map { $0.expiresAt > now } ?? false }
        for place in lost { records[place].stored = nil }
        turn = nil
        board = nil
        writes = []
        return lost.flatMap { records[$0].jobs.map(\.number) }
    }

    /// Another server takes over, which had not been told the latest writes.
    ///
    /// - Returns: the jobs whose records are older now.
    func loseWrites(since time: Int64) -> [Int] {
        var lost: Set<Int> = []
        for write in writes.reversed() where write.time >= time {
            records[write.record].stored = write.before
            lost.insert(write.record)
        }
        turn = nil
        board = nil
        writes = []
        return lost.sorted().flatMap { records[$0].jobs.map(\.number) }
    }

    /// The time at which the last record will be gone, but for those that go by a decision only.
    var lastExpiry: Int64 {
        records.lazy.compactMap { record -> Int64? in
            let isDead = record.jobs.contains {
                if case .dead = record.stored?.value.record(of: $0.edition) { true } else { false }
            }
            return isDead ? nil : record.stored?.expiresAt
        }.max() ?? 0
    }
}
