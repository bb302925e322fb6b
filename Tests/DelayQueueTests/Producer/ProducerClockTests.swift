import NIOCore
import Testing

@testable import DelayQueue

/// A producer whose clock is not the ledger's.
@Suite("Producer core: clock")
struct ProducerClockTests {
    private static let hour = Duration.seconds(3600)

    /// The delays of the copies that are put of a job due in a minute.
    private func delays(_ world: inout ProducerWorld) -> [UInt32] {
        world.call(1, "a")
        world.flush()
        return world.sent.flatMap { commands -> [UInt32] in
            if case .put(let puts, _) = commands.kind { puts.map(\.delay) } else { [] }
        }
    }

    private func world(hasLedger: Bool = true, skew: Duration) throws -> ProducerWorld {
        var world = try ProducerWorld(hasLedger: hasLedger)
        world.now.wall = world.now.wall + skew
        return world
    }

    @Test(arguments: [.zero - hour, hour])
    func `delays are reckoned by the time that the ledger tells`(_ skew: Duration) throws {
        var world = try world(skew: skew)
        let isSettled = world.core.settleTime(now: world.now)
        world.flush()
        #expect(!isSettled && world.asked.count == 1 && !world.isTimeSettled)
        world.answerLedger(.success(.time(CoreWorld.start)))
        #expect(world.isTimeSettled)
        #expect(world.clockChanges == [.disagree(skew)])
        #expect(delays(&world) == [59, 59, 59])
    }

    @Test func `without a ledger it is the wall clock, and nobody waits`() throws {
        var world = try world(hasLedger: false, skew: .seconds(30))
        let isSettled = world.core.settleTime(now: world.now)
        #expect(isSettled && world.asked.isEmpty)
        #expect(delays(&world) == [29, 29, 29])
    }

    @Test func `a ledger that does not answer is waited for once, and not for long`() throws {
        var world = try world(skew: .seconds(30))
        _ = world.core.settleTime(now: world.now)
        world.flush()
        world.advance(by: .milliseconds(249))
        #expect(!world.isTimeSettled)
        world.advance(by: .milliseconds(1))
        #expect(world.isTimeSettled)
        let isSettled = world.core.settleTime(now: world.now)
        #expect(isSettled)
        #expect(delays(&world) == [29, 29, 29])
        // What it says late counts from then on.
        world.answerLedger(.success(.time(world.now.wall - .seconds(30))))
        #expect(world.core.clock.hasEstimate)
    }

    @Test func `the time is asked for again once a minute, and sooner where there was no answer`() throws {
        var world = try world(skew: .zero)
        _ = world.core.settleTime(now: world.now)
        world.flush()
        world.answerLedger(.failure(DelayQueueError(.ledgerUnavailable, "away")))
        for wait in [5, 60] {
            world.advance(by: .seconds(wait) - .milliseconds(1))
            world.call(UInt64(wait), "a")
            world.flush()
            #expect(world.asked.isEmpty)
            world.advance(by: .milliseconds(1))
            world.call(UInt64(wait) + 1, "b")
            world.flush()
            #expect(world.asked.map { $0.requests.map(\.operation) } == [[.time]])
            world.answerLedger(.success(.time(world.now.wall)))
        }
    }

    @Test func `closing waits for no time`() throws {
        var world = try world(skew: .zero)
        _ = world.core.settleTime(now: world.now)
        world.flush()
        world.core.close()
        world.flush()
        #expect(world.isTimeSettled && world.core.isIdle)
    }
}
