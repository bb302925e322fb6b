import DelayQueue
import TestSupport

/// What kind of world a seed makes.
struct WorldOptions {
    var nodes = 3
    var copies = 3
    var copyMode = CopyMode.standby
    var consumers = 2
    var calls = 5
    var faults = 6
    var producerHasLedger = true
    var isAtMostOnce = false
    /// Applications work on one job at a time, for long: their connections fall silent meanwhile.
    var isBusy = false
    /// Redis may come back empty.
    var ledgerForgets = false
    /// The time until anything consumes: with it, jobs are later than records last.
    var consumersStartAfter: Int64 = 0
    var latePolicy = LateJobPolicy.bury
    var hasForeignRecord = false
    /// How many bytes of records a consumer may hold of a node, where that is few.
    var shareOfNode: Int?
    /// Some jobs end their process, until they are dead.
    var hasPoison = false
    var clocks = WrongClocks.none
    /// Up to 3 s off where it is not wrong.
    var ledgerClock = SimulatedClock()
    var producerClock = SimulatedClock()
    /// Faults come for a minute from when consumers start; then the world is left alone.
    static let troubleLasts: Int64 = 60_000_000
    /// So long after the trouble everything must have come to rest. A job that ends its processes may be given up two
    /// minutes later, and its copies then lie for more than one.
    static let restLasts: Int64 = 260_000_000

    /// Where consumers hold few bytes: two or three records of jobs.
    static let maximumRecordSize = 200
    static let maximumFailures = 3
    static let maximumEndedAlone = 3

    init(using random: inout SeededGenerator) {
        nodes = [2, 3, 3, 3, 4, 4, 5][random.below(7)]
        copies = min(nodes, 3)
        consumers = [1, 2, 2, 3][random.below(4)]
        calls = 2 + random.below(4)
        faults = random.chance(16) ? 0 : 2 + random.below(8)
        producerHasLedger = !random.chance(4)
        isAtMostOnce = random.chance(16)
        ledgerForgets = random.chance(10)
        isBusy = random.chance(3)
        if random.chance(32) {
            consumersStartAfter = 160_000_000 + random.time(60_000_000)
            latePolicy = LateJobPolicy(LateJobPolicy.Value.allCases[random.below(LateJobPolicy.Value.allCases.count)])
        }
        hasForeignRecord = random.chance(8)
        copyMode = random.chance(4) ? .together : .standby
        hasPoison = random.chance(4)
        if hasPoison, random.chance(3) { faults = 0 }
        chooseClocks(using: &random)
        if random.chance(4) { shareOfNode = 50 + random.below(500) }
    }

    private mutating func chooseClocks(using random: inout SeededGenerator) {
        ledgerClock.offset = random.time(6_000_000) - 3_000_000
        guard random.chance(3) else { return }
        clocks = WrongClocks.allCases[random.below(WrongClocks.allCases.count)]
        // Each new process believes such a ledger for a minute again, and the world ends some time.
        if clocks.isLedgerWrong { hasPoison = false }
        if clocks != .none, random.chance(2) { faults = 0 }
        if clocks.isProducerWrong {
            // One that is slow and cannot ask writes jobs that are late by as much, and the world ends some time.
            producerClock.offset = random.chance(3) ? -60_000_000 : abs(random.wrongClock())
            producerClock.drift = random.drift()
        }
        if clocks.isLedgerWrong {
            ledgerClock.offset = random.wrongClock()
            ledgerClock.drift = random.drift()
            // Producers follow it, and where it is behind their jobs are late by as much.
            if ledgerClock.offset < 0 { producerHasLedger = false }
        }
    }

    func consumerClock(using random: inout SeededGenerator) -> SimulatedClock {
        guard clocks.areConsumersWrong, random.chance(2) else { return SimulatedClock() }
        return SimulatedClock(offset: wrongConsumerClock(using: &random), drift: random.drift())
    }

    func wrongConsumerClock(using random: inout SeededGenerator) -> Int64 {
        let offset = random.wrongClock()
        // Where the ledger is behind too, nobody would call a job due.
        return ledgerClock.offset < -3_000_000 ? abs(offset) : offset
    }

    /// Short enough that every limit is reached within a run, and in the proportions of the defaults.
    static let timing: LedgerTiming = {
        var timing = LedgerTiming()
        timing.lease = .seconds(6)
        timing.timeToRun = .seconds(10)
        timing.grace = .seconds(20)
        timing.retention = .seconds(150)
        timing.retentionOfUnknownCopies = .seconds(150)
        return timing
    }()
}

/// Whose clocks are set wrong, by an hour or by more days than records last.
enum WrongClocks: CaseIterable {
    case none, consumers, producer, ledger, all

    var areConsumersWrong: Bool { self == .consumers || self == .all }
    var isProducerWrong: Bool { self == .producer || self == .all }
    var isLedgerWrong: Bool { self == .ledger || self == .all }
}

extension SeededGenerator {
    mutating func wrongClock() -> Int64 {
        let lengths: [Int64] = [60_000_000, 3_600_000_000, 8 * 86_400_000_000]
        return lengths[below(3)] * (chance(2) ? 1 : -1)
    }

    /// In parts of a million.
    mutating func drift() -> Int64 { time(200) - 100 }

    mutating func below(_ limit: Int) -> Int {
        Int(truncatingIfNeeded: (next() >> 33) % UInt64(max(limit, 1)))
    }

    /// True once in so many times.
    mutating func chance(_ one: Int) -> Bool { below(one) == 0 }

    /// A time below a limit, in microseconds.
    mutating func time(_ limit: Int64) -> Int64 { Int64(next() >> 1) % max(limit, 1) }

    /// Mostly short; one in four long enough to outlast leases, reservations and graces.
    mutating func outage() -> Int64 { chance(4) ? 8_000_000 + time(40_000_000) : 10_000 + time(8_000_000) }
}
