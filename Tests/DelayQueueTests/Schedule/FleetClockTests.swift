import Testing

@testable import DelayQueue

@Suite("The fleet's clock")
struct FleetClockTests {
    private var clock = FleetClock()
    /// The true time, which is the ledger's, at uptime zero.
    private static let start: Int64 = 1_800_000_000_000_000
    private static let second: Int64 = 1_000_000

    private func moment(_ uptime: Int64, skew: Int64 = 0) -> Moment {
        Moment(wall: Timestamp(microseconds: Self.start + uptime + skew), uptime: Uptime(microseconds: uptime))
    }

    /// - Parameter wrong: the ledger's clock is so far ahead.
    private mutating func learn(at uptime: Int64, roundTrip: Int64 = 1_000, wrong: Int64 = 0, after wait: Int64? = nil)
    {
        let told = Timestamp(microseconds: Self.start + uptime + (wait ?? roundTrip / 2) + wrong)
        clock.learn(
            told, sentAt: Uptime(microseconds: uptime), now: Uptime(microseconds: uptime + roundTrip))
    }

    private func error(_ uptime: Int64, skew: Int64) -> Int64 {
        abs(clock.time(moment(uptime, skew: skew)).microseconds - Self.start - uptime)
    }

    @Test func `without a word of the ledger it is the wall clock`() {
        #expect(clock.time(moment(5, skew: 77 * Self.second)) == moment(5, skew: 77 * Self.second).wall)
        #expect(!clock.hasEstimate && !clock.isConfirmed(moment(5)))
    }

    @Test(arguments: [-60, -3_600, 8 * 86_400, 3_600] as [Int64])
    mutating func `a wall clock that is wrong, or set, changes nothing`(_ seconds: Int64) {
        learn(at: 0)
        for uptime in [2_000, 10 * Self.second, 60 * Self.second] {
            #expect(error(uptime, skew: seconds * Self.second) <= 500)
            #expect(error(uptime, skew: 0) == 0)
        }
    }

    @Test mutating func `a wall clock that is as good as what the ledger told is used`() {
        learn(at: 0)
        #expect(error(2_000, skew: 100_000) == 100_000)
        #expect(error(2_000, skew: 101_500) <= 500)
        #expect(clock.isConfirmed(moment(2_000, skew: -100_000)))
        #expect(!clock.isConfirmed(moment(2_000, skew: -101_500)))
    }

    @Test mutating func `the reply with the least round trip counts`() {
        learn(at: 0)
        // It was a second on its way back.
        learn(at: 10 * Self.second, roundTrip: Self.second, after: 0)
        #expect(error(12 * Self.second, skew: 3_600 * Self.second) <= 500)
        learn(at: 20 * Self.second, roundTrip: 100)
        #expect(error(21 * Self.second, skew: 3_600 * Self.second) <= 50)
    }

    @Test mutating func `what was told long ago gives way to what is known better now`() {
        learn(at: 0)
        let hours = 36_000 * Self.second
        // Uptime has lost three seconds meanwhile.
        learn(at: hours, roundTrip: Self.second, wrong: 3 * Self.second)
        #expect(abs(error(hours + Self.second, skew: 3_600 * Self.second) - 3 * Self.second) <= Self.second / 2)
    }

    @Test(arguments: [-3_600, -1, 1, 3_600] as [Int64])
    mutating func `a step of the ledger's clock is followed`(_ seconds: Int64) {
        learn(at: 0)
        learn(at: Self.second, roundTrip: 4_000, wrong: seconds * Self.second)
        #expect(abs(error(2 * Self.second, skew: 86_400 * Self.second) - abs(seconds) * Self.second) <= 2_000)
    }

    @Test mutating func `a disagreement is told once, and its end once`() {
        learn(at: 0)
        #expect(clock.compare(moment(2_000)) == nil)
        guard case .disagree(let skew)? = clock.compare(moment(3_000, skew: -60 * Self.second)) else {
            Issue.record("it was not told")
            return
        }
        #expect(abs(skew.wholeMicroseconds + 60 * Self.second) <= 500)
        #expect(clock.compare(moment(4_000, skew: -60 * Self.second - 200_000)) == nil)
        #expect(clock.compare(moment(5_000, skew: -90_000)) == nil, "just inside")
        #expect(clock.compare(moment(6_000)) == .agreeAgain)
        #expect(clock.compare(moment(7_000)) == nil)
    }

    @Test mutating func `the ledger is outvoted after a minute, and not by a wall clock that was just set`() {
        learn(at: 0)
        let hour = 3_600 * Self.second
        _ = clock.compare(moment(2_000, skew: hour))
        #expect(!clock.isLedgerOutvoted(moment(60 * Self.second, skew: hour)))
        #expect(clock.isLedgerOutvoted(moment(61 * Self.second, skew: hour)))
        #expect(!clock.isLedgerOutvoted(moment(61 * Self.second, skew: 2 * hour)))
        #expect(!clock.isLedgerOutvoted(moment(61 * Self.second)))
        var little = self
        _ = little.clock.compare(moment(62 * Self.second, skew: 2 * Self.second))
        #expect(!little.clock.isLedgerOutvoted(moment(200 * Self.second, skew: 2 * Self.second)), "by little")
        _ = clock.compare(moment(62 * Self.second, skew: -hour))
        #expect(!clock.isLedgerOutvoted(moment(200 * Self.second, skew: -hour)), "it is ahead")
    }
}
