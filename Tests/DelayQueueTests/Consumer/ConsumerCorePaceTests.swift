import Beanstalk
import NIOCore
import PipelinedTransport
import Testing

@testable import DelayQueue

@Suite("Consumer decisions at a brisk pace")
struct ConsumerCorePaceTests {
    /// So many jobs, delivered and completed, whose copies on the first node are still to be deleted.
    private func withCompletedJobs(_ count: Int, briskSteps: Int) throws -> CoreWorld {
        let world = try CoreWorld(demand: 100) { $0.briskSteps = briskSteps }
        let jobs = try (1...count).map { (UInt64($0), try CoreWorld.record("job-\($0)", due: .zero)) }
        world.answer(node: 0, reserved: jobs)
        world.answerLedger()
        for job in world.delivered { world.settle(job.id, .complete) }
        world.answerLedger()
        return world
    }

    private func deletes(in batch: NodeBatch?) -> Int {
        batch?.calls.count { if case .delete = $0.kind { true } else { false } } ?? 0
    }

    @Test func `a node is not asked to wait while a job is about to end, so its delete is not held up`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero))])
        world.answer(node: 0)
        #expect(world.core.links[0].isDry && world.claimsUnderway == 1)
        #expect(world.nextBatch(for: 0) == nil)
        #expect(!world.hasWork(for: 0))
        world.answerLedger()
        world.settle(world.delivered[0].id, .complete)
        #expect(world.nextBatch(for: 0) == nil)
        world.answerLedger()
        #expect(world.hasWork(for: 0))
        #expect(deletes(in: world.nextBatch(for: 0)) == 1)
        #expect(world.nextBatch(for: 0)?.block == 60)
    }

    @Test func `a ledger that does not answer keeps no node from being asked`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero))])
        world.answer(node: 0)
        #expect(world.nextBatch(for: 0) == nil)
        #expect(world.timeUntilTick == GatheringPace.rest)
        world.advance(by: GatheringPace.rest)
        world.tick()
        #expect(world.hasWork(for: 0))
        #expect(world.nextBatch(for: 0)?.block == 1)
    }

    @Test func `deletes and the next reserves gather for a moment, and no longer`() throws {
        let world = try withCompletedJobs(3, briskSteps: 1)
        world.core.links[0].isDry = true
        #expect(world.nextBatch(for: 0) == nil)
        #expect(world.timeUntilTick == GatheringPace.rest)
        world.advance(by: GatheringPace.rest)
        world.tick()
        let batch = world.nextBatch(for: 0)
        #expect(deletes(in: batch) == 3)
        #expect(try #require(batch?.reserves) > 0 && batch?.block == nil)
    }

    /// A job of which the first node has the lead is run.
    private func run(_ name: String, in world: CoreWorld) throws {
        let number = UInt64(world.delivered.count + 1)
        world.answer(node: 0, reserved: [(number, try CoreWorld.record(name, due: .zero, role: StandbyTests.lead))])
        world.answerLedger()
        world.settle(try #require(world.delivered.last).id, .complete)
        world.answerLedger()
    }

    @Test func `where few jobs come, deletes by name leave at once, and the ledger is told at once`() throws {
        let world = try CoreWorld(demand: 100)
        world.connectSideLinks()
        for name in ["a", "b"] {
            try run(name, in: world)
            world.answer(node: 0)
            for link in [4, 5] {
                #expect(world.hasWork(for: link))
                world.answer(node: link)
            }
            let forgets = world.takeLedgerCalls().filter { if case .forget = $0.operation { true } else { false } }
            #expect(forgets.count == 1, "\(name)")
            world.advance(by: Link.intervalOfNamedDeletes)
        }
    }

    @Test(arguments: [false, true])
    func `where few jobs come, the ledger is told of the copies there were, before others come`(isBrisk: Bool) throws {
        let world = try CoreWorld(demand: 100) { if isBrisk { $0.briskSteps = 1 } }
        let forgets = {
            world.takeLedgerCalls().compactMap { if case .forget(let copies, _) = $0.operation { copies } else { nil } }
        }
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        world.answer(node: 0)
        #expect(forgets() == (isBrisk ? [] : [[0]]))
        world.answer(node: 1, reserved: [(1, try CoreWorld.record("a", due: .zero, copy: 1))])
        world.answer(node: 1)
        #expect(forgets() == (isBrisk ? [] : [[0, 1]]))
        world.passFinishedHorizon()
        #expect(forgets() == (isBrisk ? [[0, 1]] : []))
        #expect(world.isIdle)
    }

    @Test func `a backlog's last deletes by name do not wait as long as single ones, which leave together`() throws {
        for briskSteps in [1, 100] {
            let world = try CoreWorld(demand: 100) { $0.briskSteps = briskSteps }
            world.connectSideLinks()
            world.advance(by: .milliseconds(110))
            // Others went a moment ago.
            for link in [4, 5] { world.core.links[link].namedDeletesLeftAt = world.now.uptime }
            try run("a", in: world)
            #expect(world.nextBatch(for: 4) == nil)
            world.advance(by: .milliseconds(20))
            #expect(world.nextBatch(for: 5) == nil)
            let wait = briskSteps == 1 ? Link.briskRestOfNamedDeletes - .milliseconds(20) : .milliseconds(200 - 130)
            world.advance(by: wait - .milliseconds(1))
            world.tick()
            #expect(!world.hasWork(for: 4))
            world.advance(by: .milliseconds(1))
            world.tick()
            #expect(deletes(in: world.nextBatch(for: 4)) == 1)
            #expect(deletes(in: world.nextBatch(for: 5)) == (briskSteps == 1 ? 0 : 1))
        }
    }

    @Test(arguments: [(StandbyTests.lead, 34), (CopyRole.alone, 98)])
    func `nodes that bring leads are asked for a part each of what is wanted`(role: CopyRole, reserves: Int) throws {
        let world = try CoreWorld(demand: 100)
        for node in 0...2 {
            world.answer(
                node: node,
                reserved: [(1, try CoreWorld.record("job-\(node)", due: .seconds(1), role: role))])
            // As after a burst that brought all it was asked for.
            world.core.links[node].isDry = false
            world.core.links[node].burst = 98
        }
        for node in 0...2 { #expect(world.nextBatch(for: node)?.reserves == reserves) }
        world.core.links[1].isDry = true
        #expect(
            world.nextBatch(for: 0)?.reserves == (role == .alone ? 98 : 50), "a node that has no more takes no part")
    }

    @Test func `at a slow pace a delete is sent at once`() throws {
        let world = try withCompletedJobs(1, briskSteps: 100)
        world.core.links[0].isDry = true
        #expect(deletes(in: world.nextBatch(for: 0)) == 1)
    }

    @Test func `what somebody waits for does not gather, and takes the deletes along`() throws {
        let world = try withCompletedJobs(3, briskSteps: 1)
        world.core.links[0].isDry = true
        #expect(world.nextBatch(for: 0) == nil)
        world.core.send(.touch(BeanstalkJobID(9)), to: 0, for: nil)
        #expect(world.hasWork(for: 0))
        #expect(deletes(in: world.nextBatch(for: 0)) == 3)
    }

    @Test func `forgets go with the ledger's next calls, or a moment later`() throws {
        let world = try withCompletedJobs(3, briskSteps: 1)
        // Nothing is known of their other copies any more.
        world.core.dropExpired(nil, now: world.now)
        world.answer(node: 0)
        #expect(world.core.forgets.count == 3)
        #expect(!world.hasLedgerCalls)
        world.advance(by: GatheringPace.rest)
        world.tick()
        #expect(world.takeLedgerCalls().count == 3)
        #expect(world.core.forgets.isEmpty)
    }

    @Test func `a node behind the others catches up, whatever room there is`() throws {
        let world = try CoreWorld(demand: 3) { $0.briskSteps = 1 }
        let copies = try (0...1).map { node in
            try (1...3).map { (UInt64($0), try CoreWorld.record("job-\($0)", due: .zero, copy: node)) }
        }
        world.answer(node: 0, reserved: copies[0])
        #expect(world.unmetDemand == 0)
        #expect(!world.hasWork(for: 1))
        world.core.setDemand(4, now: world.now)
        world.answer(node: 1, reserved: [copies[1][0]])
        world.core.setDemand(3, now: world.now)
        #expect(world.unmetDemand == 0)
        // More each time, or it would never be level with them.
        #expect(world.nextBatch(for: 1)?.reserves == 2)
        world.core.setDemand(0, now: world.now)
        world.advance(by: .seconds(1))
        #expect(!world.hasWork(for: 1), "the application takes no more")
    }

    @Test func `draining sends what has gathered`() throws {
        let world = try withCompletedJobs(3, briskSteps: 1)
        world.core.links[0].isDry = true
        #expect(world.nextBatch(for: 0) == nil)
        world.core.drain(now: world.now)
        #expect(deletes(in: world.nextBatch(for: 0)) == 3)
    }
}
