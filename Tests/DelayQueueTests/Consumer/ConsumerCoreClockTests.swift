import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

/// A consumer whose clock is not the ledger's.
@Suite("Consumer core: clocks")
struct ConsumerCoreClockTests {
    private static let hour = Duration.seconds(3600)
    private static let days = Duration.seconds(8 * 86_400)

    private func releases(_ world: CoreWorld) -> [UInt32] {
        world.allSent.compactMap { if case .release(_, _, let delay) = $0 { delay } else { nil } }
    }

    @Test(arguments: [.seconds(-60), .zero - hour, hour, days])
    func `a clock that is wrong makes no job late, early, or put aside`(_ skew: Duration) throws {
        let world = try CoreWorld()
        world.now.wall = world.now.wall + skew
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .milliseconds(700)))])
        world.advance(by: .milliseconds(699))
        world.tick()
        #expect(!world.hasLedgerCalls && world.delivered.isEmpty)
        world.advance(by: .milliseconds(1))
        world.tick()
        world.answerLedger(skew: .zero - skew)
        #expect(world.delivered.count == 1)
        #expect(releases(world).isEmpty && world.lateJobs.isEmpty)
    }

    @Test func `a clock that is set while jobs are held changes nothing`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .seconds(1)))])
        world.now.wall = world.now.wall - Self.hour
        #expect(world.timeUntilTick.map { $0 <= .seconds(1) } == true)
        world.advance(by: .seconds(1))
        world.tick()
        world.answerLedger(skew: Self.hour)
        #expect(world.delivered.count == 1)
    }

    @Test func `a copy that is ready long before its date goes back for a short time`() throws {
        let world = try CoreWorld()
        world.core.clock = FleetClock()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: Self.hour))])
        world.answerAll()
        #expect(releases(world) == [1], "nobody but this clock says so")
        let agreed = try CoreWorld()
        agreed.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: Self.hour))])
        agreed.answerAll()
        #expect(releases(agreed) == [60])
        let close = try CoreWorld()
        close.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .milliseconds(5_500)))])
        close.answerAll()
        #expect(releases(close) == [5])
    }

    @Test func `a claim tells the date, and a job that is early by the ledger's clock waits for it`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero))])
        #expect(
            world.core.ledgerCalls.contains {
                if case .claim(_, .creating, CoreWorld.start?) = $0.operation { true } else { false }
            })
        world.answerLedger(skew: .milliseconds(-600))
        #expect(world.delivered.isEmpty && world.records.isEmpty)
        world.advance(by: .milliseconds(599))
        world.tick()
        #expect(!world.hasLedgerCalls)
        world.advance(by: .milliseconds(1))
        world.tick()
        world.answerLedger(skew: .milliseconds(-600))
        #expect(world.delivered.count == 1)
    }

    @Test func `early by an hour it goes back for a second`() throws {
        let world = try CoreWorld()
        world.advance(by: .seconds(2))
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .seconds(2)))])
        world.answerLedger(skew: .zero - Self.hour)
        world.answer(node: 0)
        #expect(releases(world) == [1])
        world.core.checkIn(now: world.now)
        world.answerLedger(skew: .zero - Self.hour)
        #expect(world.changes.count == 1)
    }

    @Test func `a ledger that is far behind is believed for a minute, then the node and this clock count`() throws {
        let world = try CoreWorld()
        let skew = Duration.zero - Self.hour
        func meet(_ id: UInt64, due: Duration) throws {
            world.answer(node: 0, reserved: [(id, try CoreWorld.record("job\(id)", due: due))])
            world.answerLedger(skew: skew)
            world.answer(node: 0)
        }
        world.advance(by: .seconds(6))
        world.core.checkIn(now: world.now)
        world.answerLedger(skew: skew)
        #expect(world.changes.count == 1)
        try meet(1, due: .seconds(6))
        #expect(releases(world) == [1] && world.delivered.isEmpty)
        world.advance(by: .seconds(61))
        try meet(2, due: .seconds(67))
        #expect(world.delivered.count == 1)
        // It is held for this clock, not claimed at once.
        try meet(3, due: .seconds(68))
        #expect(world.delivered.count == 1)
        world.advance(by: .seconds(1))
        world.tick()
        world.answerLedger(skew: skew)
        #expect(world.delivered.count == 2)
        // Its lead comes while its standby is held: that makes no difference.
        world.answer(
            node: 0, reserved: [(5, try CoreWorld.record("both", due: .seconds(70), role: .standby(leadOn: nil)))])
        world.answer(node: 1, reserved: [(6, try CoreWorld.record("both", due: .seconds(70), copy: 1))])
        world.advance(by: .seconds(2))
        world.tick()
        world.answerLedger(skew: skew)
        #expect(world.delivered.count == 3)
        // By this clock as well it is early: that is no matter of the ledger's.
        try meet(4, due: .seconds(168))
        #expect(releases(world) == [1, 1])
    }

    @Test func `when the time turns out to be another one, waits stay as long and dates where they are`() throws {
        let world = try CoreWorld()
        world.core.clock = FleetClock()
        world.now.wall = world.now.wall - Self.hour
        let date = Duration.zero - Self.hour + .seconds(1)
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: date))])
        world.core.checkIn(now: world.now)
        world.answerLedger(skew: Self.hour)
        world.tick()
        world.answerLedger(skew: Self.hour)
        let job = try #require(world.delivered.first, "its date is past").id
        world.settle(job, .retry(after: .seconds(1)))
        world.answerLedger(skew: Self.hour)
        // The ledger's clock is set right, by its own lights.
        world.advance(by: .milliseconds(10))
        world.core.checkIn(now: world.now)
        world.answerLedger()
        #expect(world.timeUntilTick.map { $0 <= .milliseconds(990) } == true)
        world.advance(by: .milliseconds(990))
        world.tick()
        #expect(world.claimsUnderway == 1)
    }

    @Test func `a job that runs elsewhere is asked about again, though its date is to come by the new time`() throws {
        let world = try CoreWorld()
        world.core.clock = FleetClock()
        let key = LedgerKey(queue: .default, id: JobID(unchecked: "a"))
        _ = world.perform(.claim(.random()), on: key)
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        #expect(world.parkedCopies == 1)
        world.core.checkIn(now: world.now)
        world.answerLedger(skew: .zero - Self.hour)
        world.advance(by: .milliseconds(50))
        world.tick()
        #expect(world.claimsUnderway == 1)
    }

    @Test func `a ledger that was away is asked for its time though no copy is due`() throws {
        let world = try CoreWorld(nodes: 1)
        world.core.checkIn(now: world.now)
        world.isLedgerAway = true
        world.answerLedger()
        world.isLedgerAway = false
        world.advance(by: .seconds(1))
        world.tick()
        #expect(world.core.ledgerCalls.count == 1)
        world.answerLedger(skew: Self.hour)
        #expect(world.core.clock.time(world.now) == world.now.wall + Self.hour)
    }

    @Test func `later than records last is what both clocks call so`() throws {
        for skew in [Self.days, .zero - Self.days] {
            let world = try CoreWorld()
            world.now.wall = world.now.wall + skew
            // Late by the one clock, or by the other.
            let date = skew > .zero ? Duration.zero : skew
            world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: date))])
            for _ in 0..<6 {
                world.answerLedger(skew: .zero - skew)
                world.answerAll()
                world.tick()
            }
            #expect(world.delivered.count == 1)
            #expect(world.lateJobs.isEmpty)
        }
    }

    @Test func `before the ledger has told its time no job is put aside`() throws {
        let world = try CoreWorld()
        world.core.clock = FleetClock()
        world.now.wall = world.now.wall + Self.days
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero))])
        world.answerLedger(skew: .zero - Self.days)
        world.answerAll()
        #expect(world.delivered.isEmpty && world.lateJobs.isEmpty)
        world.core.checkIn(now: world.now)
        world.answerLedger(skew: .zero - Self.days)
        world.advance(by: .milliseconds(500))
        world.tick()
        world.answerLedger(skew: .zero - Self.days)
        #expect(world.delivered.count == 1 && world.lateJobs.isEmpty)
    }
}
