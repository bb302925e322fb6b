import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

/// Sequences of outages that once left a consumer stuck, a job lost, or a job run beside another.
@Suite("Consumer decisions under faults")
struct ConsumerCoreFaultTests {
    /// A world in which one job is with the application.
    private func withDeliveredJob(lease: Duration = .seconds(30), nodes: Int = 3) throws -> (CoreWorld, HeldJobID) {
        let world = try CoreWorld(nodes: nodes, lease: lease)
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        return (world, try #require(world.delivered.first?.id))
    }

    private func pass(_ seconds: Int, in world: CoreWorld) {
        for _ in 0..<seconds {
            world.advance(by: .seconds(1))
            world.tick()
            world.answerLedger()
            world.answerAll()
        }
    }

    @Test func `a consumer left with no job finds out that the ledger is back`() throws {
        let world = try CoreWorld()
        world.isLedgerAway = true
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.lose(node: 0)
        #expect(world.core.jobs.isEmpty)
        for _ in 0..<4 {
            // It is asked now and then.
            while !world.hasLedgerCalls {
                world.advance(by: try #require(world.timeUntilTick))
                world.tick()
            }
            #expect(!world.hasWork(for: 1), "nothing is reserved meanwhile")
            world.answerLedger()
        }
        world.isLedgerAway = false
        while !world.hasLedgerCalls {
            world.advance(by: try #require(world.timeUntilTick))
            world.tick()
        }
        world.answerLedger()
        #expect(world.timeUntilTick != .zero, "no spinning while a reserve waits")
        let batch = world.nextBatch(for: 1)
        #expect(batch?.reserves == 1, "one claim finds out whether it serves")
    }

    @Test func `a consumer iterated again after an outage reserves`() throws {
        let world = try CoreWorld()
        world.isLedgerAway = true
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.core.drain(now: world.now)
        world.answerAll()
        world.core.resume(now: world.now)
        world.core.setDemand(10, now: world.now)
        #expect(!world.hasWork(for: 0), "the ledger has not told yet whether the queue is paused")
        world.isLedgerAway = false
        world.answerLedger()
        #expect(world.hasWork(for: 0))
    }

    @Test func `a claim is renewed again after a settlement that gave up`() throws {
        let (world, id) = try withDeliveredJob(lease: .seconds(90))
        world.isLedgerAway = true
        world.advance(by: .seconds(31))
        world.tick()
        world.settle(id, .complete)
        world.answerLedger()
        pass(32, in: world)
        #expect(world.settled.last?.error == .ledgerUnavailable)
        world.isLedgerAway = false
        pass(60, in: world)
        #expect(world.leasesLost.isEmpty)
    }

    /// Found by the simulator: such a job counted as one in hand, or under way, for ever.
    @Test(arguments: [false, true])
    func `a job whose claim is lost is not counted any more`(isAtMostOnce: Bool) throws {
        let world = try CoreWorld { $0.isAtMostOnce = isAtMostOnce }
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        world.records[key] = .claimed(try ClaimOwner("other"), attempt: 9, failures: 0, leaseEnd: .latest)
        // At most once its completion is refused; else its renewal is.
        world.advance(by: .seconds(11))
        world.tick()
        world.answerLedger()
        #expect(world.delivered.count == (isAtMostOnce ? 0 : 1))
        #expect(world.core.jobs.count == 1)
        #expect(world.jobsInHand == 0)
        #expect(world.claimsUnderway == 0)
    }

    @Test func `a touch under way when the claim is lost does not freeze the copy`() throws {
        let (world, id) = try withDeliveredJob()
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        world.advance(by: .seconds(15))
        world.tick()
        world.records[key] = nil
        _ = world.perform(.claim(try ClaimOwner("other")), on: key)
        world.settle(id, .complete)
        world.answerLedger()
        world.answerAll()
        #expect(world.core.jobs.count == 1)
        #expect(world.core.jobs.values.flatMap(\.copies).allSatisfy { !$0.isTouching })
    }

    @Test func `a job whose record cannot be used is let go of`() throws {
        let (world, id) = try withDeliveredJob()
        world.settle(id, .complete)
        let calls = world.takeLedgerCalls()
        world.core.ledgerAnswered(
            calls, calls.map { _ in .failure(DelayQueueError(.ledgerRecordUnreadable, "x")) }, sentAt: world.now,
            now: world.now)
        #expect(world.core.jobs.isEmpty)
        #expect(world.heldCopies == 0)
    }

    @Test func `a grant that arrives after its lease is not run`() throws {
        let world = try CoreWorld(lease: .seconds(2))
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero))])
        let calls = world.takeLedgerCalls()
        let sentAt = world.now
        var results: [Result<LedgerReply, DelayQueueError>] = []
        for call in calls { results.append(.success(world.perform(call.operation, on: call.key))) }
        world.advance(by: .seconds(4))
        world.core.ledgerAnswered(calls, results, sentAt: sentAt, now: world.now)
        world.tick()
        #expect(world.delivered.isEmpty)
    }

    @Test func `a lease renewed after it was reported lost keeps its copies again`() throws {
        let (world, _) = try withDeliveredJob(nodes: 1)
        let record = try CoreWorld.record("a", due: .zero)
        world.isLedgerAway = true
        pass(31, in: world)
        #expect(world.leasesLost.count == 1)
        world.isLedgerAway = false
        for _ in 0..<10 {
            pass(1, in: world)
            world.core.setDemand(10, now: world.now)
            world.answer(node: 0, reserved: [(1, record)])
        }
        let releases = world.allSent.count { if case .release(_, _, delay: 1) = $0 { true } else { false } }
        #expect(releases < 3)
        #expect(world.heldCopies == 1)
    }
}
