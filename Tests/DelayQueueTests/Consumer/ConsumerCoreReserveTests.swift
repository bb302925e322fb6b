import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

/// What is reserved, held until it is due, and given back to its node.
@Suite("Consumer decisions about reserving")
struct ConsumerCoreReserveTests {
    @Test func `an idle consumer waits long, one that holds copies a second at most`() throws {
        let world = try CoreWorld()
        let idle = world.nextBatch(for: 0)
        #expect(idle?.block == 60)
        world.answer(node: 1, reserved: [(1, try CoreWorld.record("a", due: .seconds(1)))])
        // After a hit: a burst that does not wait, then, when it is dry, a short wait.
        let burst = world.nextBatch(for: 1)
        #expect(burst?.block == nil)
        #expect(try #require(burst?.reserves) > 1)
        world.answer(node: 1)
        #expect(world.core.links[1].isDry)
        let short = world.nextBatch(for: 1)
        #expect(short?.block == 1)
    }

    @Test func `without demand nothing is reserved`() throws {
        let world = try CoreWorld(demand: 0)
        let batch = world.nextBatch(for: 0)
        #expect(batch == nil)
        #expect(!world.hasWork(for: 0))
    }

    @Test func `a copy due later than the horizon is released with the whole seconds that remain`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .milliseconds(7_500)))])
        world.answer(node: 0)
        #expect(world.sent[0] == [.release(BeanstalkJobID(5), priority: 7, delay: 7)])
        #expect(world.core.jobs.isEmpty)
    }

    @Test func `a job is claimed at its due time and not a microsecond earlier`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .milliseconds(800)))])
        #expect(world.timeUntilTick == .milliseconds(800))
        world.advance(by: .microseconds(799_999))
        world.tick()
        #expect(!world.hasLedgerCalls)
        world.advance(by: .microseconds(1))
        world.tick()
        #expect(world.hasLedgerCalls)
        world.answerLedger()
        #expect(world.delivered.map(\.attempt) == [1])
    }

    @Test func `a job that falls due while the application has one goes to it next, not back to its node`() throws {
        let world = try CoreWorld(demand: 1)
        world.answer(
            node: 0,
            reserved: [
                (1, try CoreWorld.record("a", due: .milliseconds(300))),
                (2, try CoreWorld.record("b", due: .milliseconds(300))),
                (3, try CoreWorld.record("c", due: .milliseconds(301))),
            ])
        // A reserve that waits for a second is under way: what is sent meanwhile waits behind it.
        world.answer(node: 0)
        #expect(world.nextBatch(for: 0)?.block == 1)
        world.advance(by: .milliseconds(301))
        world.tick()
        for count in 1...3 {
            world.answerLedger()
            #expect(world.delivered.count == count)
            world.settle(world.delivered[count - 1].id, .complete)
            world.core.setDemand(1, now: world.now)
        }
        let released = world.core.links[0].calls.contains { if case .release = $0.kind { true } else { false } }
        #expect(!released)
        let names = world.delivered.map(\.id.number)
        #expect(names == names.sorted(), "in the order of their dates")
    }

    @Test func `a job that falls due goes back when the application does not come for it`() throws {
        let world = try CoreWorld(demand: 1)
        world.answer(
            node: 0,
            reserved: [
                (2, try CoreWorld.record("b", due: .milliseconds(300))), (1, try CoreWorld.record("a", due: .zero)),
            ])
        world.answerLedger()
        world.advance(by: .milliseconds(300))
        world.tick()
        world.answer(node: 0)
        #expect(world.queuedJobs == 1)
        #expect(!world.hasWork(for: 1), "no reserve for what has no room")
        world.advance(by: DemandMeter.window)
        world.tick()
        world.answer(node: 0)
        #expect(world.sent[0].last == .release(BeanstalkJobID(2), priority: 7, delay: 0))
        #expect(world.queuedJobs == 0)
    }

    @Test func `without room for more jobs nothing more is reserved`() throws {
        let world = try CoreWorld(demand: 1)
        world.answer(
            node: 0,
            reserved: [(1, try CoreWorld.record("a", due: .zero))])
        world.answer(node: 1, reserved: [(2, try CoreWorld.record("b", due: .zero))])
        #expect(world.unmetDemand == 0)
        #expect(!world.hasWork(for: 2), "no room, no reserve")
        world.answerLedger()
        #expect(world.delivered.count == 1)
        world.answerAll()
        #expect(world.core.jobs.count == 1)
    }

    @Test func `copies not due are held whatever the demand, so a job due earlier is seen`() throws {
        let world = try CoreWorld(demand: 1)
        world.answer(
            node: 0,
            reserved: [
                (1, try CoreWorld.record("later", due: .milliseconds(900))),
                (2, try CoreWorld.record("sooner", due: .milliseconds(300))),
            ])
        world.advance(by: .milliseconds(300))
        world.tick()
        world.answerLedger()
        #expect(world.core.jobs[try #require(world.delivered.first).id]?.id.description == "sooner")
    }

    @Test func `a record nobody here wrote is buried with its own priority, never deleted`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, .init(string: "hello"))])
        world.answer(node: 0)
        world.answer(node: 0)
        #expect(
            world.sent[0] == [.inspectAside(BeanstalkJobID(5)), .buryAside(BeanstalkJobID(5), priority: 9)])
    }

    @Test func `draining releases what is held, gives back what is granted, and keeps what the application has`() throws
    {
        let world = try CoreWorld()
        world.answer(
            node: 0,
            reserved: [
                (1, try CoreWorld.record("taken", due: .zero)), (2, try CoreWorld.record("later", due: .seconds(1))),
            ])
        world.answerLedger()
        world.answer(node: 1, reserved: [(3, try CoreWorld.record("claimed", due: .zero))])
        world.core.drain(now: world.now)
        world.answerLedger()
        world.answerLedger()
        world.answerAll()
        #expect(world.delivered.count == 1)
        #expect(world.core.jobs.values.map(\.id.description) == ["taken"])
        #expect(!world.isIdle)
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        world.answerAll()
        world.answerLedger()
        #expect(world.isIdle)
        #expect(world.heldCopies == 0)
    }
}
