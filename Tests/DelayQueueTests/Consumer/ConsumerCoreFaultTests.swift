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
        #expect(!world.hasWork(for: 1), "not at once")
        let wait = try #require(world.timeUntilTick)
        world.advance(by: wait)
        world.tick()
        #expect(world.timeUntilTick != .zero, "no spinning while a reserve waits")
        let batch = world.nextBatch(for: 1)
        #expect(batch?.reserves == 1)
    }

    @Test func `a consumer iterated again after an outage reserves`() throws {
        let world = try CoreWorld()
        world.isLedgerAway = true
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.core.drain(now: world.now)
        world.answerAll()
        world.core.resume()
        world.core.setDemand(10, now: world.now)
        #expect(world.hasWork(for: 0))
    }

    @Test func `draining while a dead job's copy is inspected leaves no demand used up`() throws {
        let (world, id) = try withDeliveredJob()
        let record = try CoreWorld.record("a", due: .zero)
        world.settle(id, .bury(reason: "x"))
        world.answerAll()
        world.answerLedger()
        world.answerAll()
        #expect(world.core.jobs.isEmpty)
        world.core.setDemand(1, now: world.now)
        world.answer(node: 0, reserved: [(1, record)])
        world.answerLedger()
        world.core.drain(now: world.now)
        world.answerAll()
        world.core.resume()
        world.core.setDemand(1, now: world.now)
        #expect(world.claimsUnderway == 0)
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

    @Test func `burying waits for a copy, and says so when none comes`() throws {
        var (world, id) = try withDeliveredJob()
        world.lose(node: 0)
        world.settle(id, .bury(reason: "x"))
        world.answerLedger()
        #expect(world.settled.isEmpty)
        world.answer(node: 0, reserved: [(9, try CoreWorld.record("a", due: .zero))])
        world.answerAll()
        world.answerLedger()
        #expect(world.settled.map(\.error) == [nil])
        world.answerAll()
        #expect(world.sent[0].last == .bury(BeanstalkJobID(9), priority: 7))
        #expect(world.delivered.count == 1)

        (world, id) = try withDeliveredJob()
        world.lose(node: 0)
        world.settle(id, .bury(reason: "x"))
        pass(40, in: world)
        #expect(world.settled.map(\.error) == [.nodeFailed])
        world.settle(id, .complete)
        world.answerLedger()
        #expect(world.settled.last?.error == nil)
    }

    @Test func `when the copy to bury goes with its node another one is buried, none deleted before`() throws {
        let world = try CoreWorld()
        for node in 0..<3 {
            world.answer(node: node, reserved: [(1, try CoreWorld.record("a", due: .zero, copy: node))])
        }
        world.answerLedger()
        world.settle(try #require(world.delivered.first?.id), .bury(reason: "x"))
        world.answer(node: 0)
        world.answerLedger()
        world.lose(node: 0)
        #expect(!world.allSent.contains { if case .delete = $0 { true } else { false } })
        world.answer(node: 1)
        world.answerLedger()
        world.answer(node: 1)
        #expect(world.sent[1].last == .bury(BeanstalkJobID(1), priority: 7))
        world.answer(node: 2)
        world.answer(node: 2)
        #expect(world.sent[2] == [.touch(BeanstalkJobID(1)), .delete(BeanstalkJobID(1), index: 2)])
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

    /// Found by the simulator: a request to bury that comes late took the name back from the copy that was buried.
    @Test func `a late request to bury names no copy that is gone`() throws {
        let world = try CoreWorld()
        for node in 0..<2 {
            world.answer(node: node, reserved: [(1, try CoreWorld.record("a", due: .zero, copy: node))])
        }
        world.answerLedger()
        world.settle(try #require(world.delivered.first?.id), .bury(reason: "x"))
        world.answer(node: 0)
        let late = try #require(world.core.ledgerCalls.first)
        world.answerLedger()
        world.lose(node: 0)
        world.answer(node: 1)
        world.answerLedger()
        world.answer(node: 1)
        #expect(world.sent[1].last == .bury(BeanstalkJobID(1), priority: 7))
        #expect(world.perform(late.operation, on: late.key) == .lost)
        guard case .dead(_, _, let copy, _) = world.records[late.key] else {
            Issue.record("the job is not dead")
            return
        }
        #expect(copy == .index(1))
    }

    @Test func `a buried copy that is kicked at once is not taken for a leftover`() throws {
        let world = try CoreWorld()
        for node in 0..<2 {
            world.answer(node: node, reserved: [(1, try CoreWorld.record("a", due: .zero, copy: node))])
        }
        world.answerLedger()
        world.settle(try #require(world.delivered.first?.id), .bury(reason: "x"))
        world.answer(node: 0)
        world.answerLedger()
        world.answer(node: 0)
        // Kicked before the delete of the other copy was answered.
        world.kicks = 1
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero, copy: 0))])
        world.answerLedger()
        world.answerAll()
        world.answerLedger()
        #expect(world.delivered.map(\.attempt) == [1, 2])
        #expect(!world.sent[0].contains { if case .delete = $0 { true } else { false } })
    }

    @Test func `a touch under way when the claim is lost does not freeze the copy`() throws {
        let (world, id) = try withDeliveredJob()
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        world.advance(by: .seconds(15))
        world.tick()
        world.records[key] = nil
        _ = world.perform(.claim(try ClaimOwner("other"), copy: nil), on: key)
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
