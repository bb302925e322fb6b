import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

/// Records nobody here wrote, delivered all the same.
@Suite("Foreign jobs")
struct ForeignJobTests {
    private let stranger = ByteBuffer(string: "who am I")

    private func world(demand: Int = 10) throws -> CoreWorld {
        try CoreWorld(nodes: 1, demand: demand) { $0.foreignPolicy = .deliver }
    }

    private func withDelivered() throws -> (CoreWorld, HeldJobID) {
        let world = try world()
        world.answer(node: 0, reserved: [(5, stranger)])
        world.answer(node: 0)
        let id = try #require(world.delivered.first?.id)
        return (world, id)
    }

    @Test func `it is delivered without a word of the ledger`() throws {
        let (world, _) = try withDelivered()
        #expect(world.delivered.map(\.attempt) == [1])
        #expect(world.delivered.map(\.failures) == [0])
        #expect(world.records.isEmpty && !world.hasLedgerCalls)
    }

    @Test(arguments: [
        (Settlement.complete, NodeCall.Kind.delete(BeanstalkJobID(5), index: nil)),
        (.giveBack(after: .zero), .release(BeanstalkJobID(5), priority: 9, delay: 0)),
        (.retry(after: .milliseconds(1001)), .release(BeanstalkJobID(5), priority: 9, delay: 2)),
        (.bury(reason: "x"), .bury(BeanstalkJobID(5), priority: 9)),
    ])
    func `its node is told how it ended`(_ settlement: Settlement, _ call: NodeCall.Kind) throws {
        let (world, id) = try withDelivered()
        world.settle(id, settlement)
        #expect(world.settled.isEmpty, "not before the node has answered")
        world.answer(node: 0)
        #expect(world.sent[0].last == call)
        #expect(world.settled.map(\.error) == [nil])
        #expect(world.isIdle && world.heldCopies == 0)
    }

    @Test func `its reservation is kept while it runs, and no claim renewed`() throws {
        let (world, _) = try withDelivered()
        for _ in 0..<100 {
            world.advance(by: .seconds(1))
            world.tick()
            world.answer(node: 0)
        }
        #expect(world.sent[0].count { $0 == .touch(BeanstalkJobID(5)) } >= 5)
        #expect(!world.hasLedgerCalls && world.leasesLost.isEmpty)
    }

    /// beanstalkd takes 0 for 1, and says of such a job that it is in its last second as soon as it was touched.
    @Test(arguments: [0, 1, 2, 5])
    func `a time to run of a second is kept with a few touches`(timeToRun: Int) throws {
        let world = try world()
        world.answer(node: 0, reserved: [(5, stranger)])
        world.answer(node: 0) { call in
            guard case .inspect = call else { return nil }
            let text = CoreWorld.statistics(kicks: 0).replacing("ttr: 30", with: "ttr: \(timeToRun)")
            return .ok(ByteBuffer(string: text))
        }
        #expect(world.delivered.count == 1)
        let limit = Duration.seconds(max(1, timeToRun))
        var touchedAt = world.now.uptime
        var touches = 0
        for _ in 0..<1000 {
            world.advance(by: .milliseconds(10))
            if world.timeUntilTick == .zero { world.tick() }
            let isLastSecond = world.now.uptime - touchedAt + .seconds(1) >= limit
            let pause = world.answer(node: 0, reserves: isLastSecond ? .deadlineSoon : .timedOut)
            let count = world.sent[0].count { $0 == .touch(BeanstalkJobID(5)) }
            #expect(pause != nil || count > touches || !isLastSecond)
            if count > touches {
                #expect(world.now.uptime - touchedAt < limit)
                touchedAt = world.now.uptime
                touches = count
            }
        }
        #expect(touches > 10 / max(1, timeToRun) && touches <= 40 / max(1, timeToRun))
        #expect(world.leasesLost.isEmpty)
    }

    @Test func `a node that tells of an endless time to run is taken at its word, as far as numbers go`() throws {
        let world = try CoreWorld { $0.foreignPolicy = .deliver }
        world.answer(node: 0, reserved: [(5, ByteBuffer(string: "somebody else's"))])
        world.answer(node: 0) { call in
            guard case .inspect = call else { return nil }
            let text = CoreWorld.statistics(kicks: 0).replacing("ttr: 30", with: "ttr: 9007199254740992")
            return .ok(ByteBuffer(string: text))
        }
        #expect(world.delivered.count == 1)
        #expect(world.core.jobs.values.first?.copies.first?.timeToRun == Int64(UInt32.max) * 1_000_000)
    }

    @Test func `with its connection the run is over`() throws {
        let (world, id) = try withDelivered()
        world.lose(node: 0)
        #expect(world.leasesLost == [id])
        world.settle(id, .complete)
        #expect(world.settled.map(\.error) == [.claimLost])
        #expect(world.core.jobs.isEmpty && world.heldCopies == 0)
    }

    @Test func `a connection that goes while it is settled leaves that in doubt`() throws {
        let (world, id) = try withDelivered()
        world.settle(id, .complete)
        world.lose(node: 0)
        #expect(world.settled.map(\.error) == [.claimLost])
        #expect(world.core.jobs.isEmpty && world.heldCopies == 0)
    }

    @Test func `what the application does not want goes back as it was`() throws {
        let world = try world(demand: 1)
        world.answer(node: 0, reserved: [(5, stranger)])
        world.core.setDemand(0, now: world.now)
        world.answer(node: 0)
        world.answer(node: 0)
        #expect(world.delivered.isEmpty)
        #expect(world.sent[0].last == .release(BeanstalkJobID(5), priority: 9, delay: 0))
        #expect(world.isIdle && world.claimsUnderway == 0)
    }

    @Test func `draining while its node is asked about it gives it back as it was`() throws {
        let world = try world()
        world.answer(node: 0, reserved: [(5, stranger)])
        world.core.drain(now: world.now)
        world.answer(node: 0)
        world.answer(node: 0)
        #expect(world.sent[0].last == .release(BeanstalkJobID(5), priority: 9, delay: 0))
        #expect(world.isIdle && world.claimsUnderway == 0)
    }
}
