import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

/// How long a claim is held, and what holds while the ledger cannot say.
@Suite("Consumer decisions about leases")
struct ConsumerCoreLeaseTests {
    // MARK: Leases

    @Test func `claims are renewed while a job runs, and its reservations touched`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        for _ in 0..<600 {
            world.advance(by: .seconds(1))
            world.tick()
            world.answerLedger()
            world.answer(node: 0)
        }
        #expect(world.leasesLost.isEmpty)
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        guard case .held = world.perform(.claim(try ClaimOwner("other")), on: key) else {
            Issue.record("the claim must still be held after ten minutes")
            return
        }
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        #expect(world.settled.map(\.error) == [nil])
    }

    @Test func `a lease that ends unconfirmed is told to the job, which may still complete if nobody took over`() throws
    {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.isLedgerAway = true
        for _ in 0..<35 {
            world.advance(by: .seconds(1))
            world.tick()
            world.answerLedger()
        }
        #expect(world.leasesLost == [world.delivered[0].id])
        world.isLedgerAway = false
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        #expect(world.settled.map(\.error) == [nil])
    }

    @Test func `a job taken over by another owner can not be completed`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.now.wall = world.now.wall + .seconds(31)
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        let reply4 = world.takeOver(key, by: try ClaimOwner("other"))
        #expect(reply4 == .granted(attempt: 2, failures: JobFailures(errors: 0, endedLeases: 1)))
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        #expect(world.settled.map(\.error) == [.claimLost])
        #expect(!world.allSent.contains { if case .delete = $0 { true } else { false } })
    }

    @Test func `when a lease ends unconfirmed the copies go back, so that others can reserve the job`() throws {
        let world = try CoreWorld(lease: .seconds(6))
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.isLedgerAway = true
        for _ in 0..<8 {
            world.advance(by: .seconds(1))
            world.tick()
            world.answerLedger()
            world.answer(node: 0)
        }
        #expect(world.leasesLost.count == 1)
        #expect(world.sent[0].last == .release(BeanstalkJobID(5), priority: 7, delay: 0))
        #expect(world.heldCopies == 0)
    }

    // MARK: Ledger away

    @Test func `while the ledger is away nothing runs, nothing is deleted, and the same claim is repeated`() throws {
        let world = try CoreWorld()
        world.isLedgerAway = true
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        var owners: Set<ClaimOwner> = []
        for _ in 0..<40 {
            for call in world.core.ledgerCalls {
                if case .claim(let owner, _, _) = call.operation { owners.insert(owner) }
            }
            world.answerLedger()
            world.advance(by: .milliseconds(500))
            world.tick()
            world.answer(node: 0)
        }
        #expect(owners.count == 1)
        #expect(world.delivered.isEmpty)
        #expect(world.sent[0].allSatisfy { if case .touch = $0 { true } else { false } })
        world.isLedgerAway = false
        for _ in 0..<4 {
            world.advance(by: .seconds(1))
            world.tick()
            world.answerLedger()
        }
        #expect(world.delivered.map(\.attempt) == [1])
    }

    @Test func `a settlement is repeated until the ledger answers`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.isLedgerAway = true
        world.settle(world.delivered[0].id, .complete)
        for _ in 0..<5 {
            world.answerLedger()
            world.advance(by: .seconds(1))
            world.tick()
        }
        #expect(world.settled.isEmpty)
        world.isLedgerAway = false
        world.answerLedger()
        #expect(world.settled.map(\.settlement) == [.complete])
        #expect(world.settled.map(\.error) == [nil])
    }

    @Test func `a settlement that finds no ledger for too long is handed back to the application`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        let job = world.delivered[0].id
        world.isLedgerAway = true
        world.settle(job, .complete)
        for _ in 0..<40 {
            world.answerLedger()
            world.advance(by: .seconds(1))
            world.tick()
            world.answer(node: 0)
        }
        #expect(world.settled.map(\.error) == [.ledgerUnavailable])
        world.isLedgerAway = false
        world.settle(job, .complete)
        world.answerLedger()
        #expect(world.settled.last?.error == nil)
    }
}
