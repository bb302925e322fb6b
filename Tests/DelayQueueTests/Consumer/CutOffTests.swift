import Beanstalk
import Testing

@testable import DelayQueue

/// A consumer without the ledger keeps jobs from nobody who has it.
@Suite("Cut off from the ledger")
struct CutOffTests {
    private func pass(_ seconds: Int, in world: CoreWorld) {
        for _ in 0..<seconds {
            world.advance(by: .seconds(1))
            world.tick()
            world.answerLedger()
            world.core.setDemand(10, now: world.now)
            world.answerAll()
        }
    }

    @Test func `copies are held for a lease, in case all are cut off, and then go back`() throws {
        let world = try CoreWorld()
        world.isLedgerAway = true
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("due", due: .zero))])
        world.answer(node: 1, reserved: [(2, try CoreWorld.record("soon", due: .seconds(2)))])
        world.answerLedger()
        pass(28, in: world)
        #expect(world.heldCopies == 2)
        pass(3, in: world)
        #expect(world.heldCopies == 0)
        let releases = world.allSent.filter { if case .release = $0 { true } else { false } }
        #expect(
            releases == [
                .release(BeanstalkJobID(1), priority: 7, delay: 0), .release(BeanstalkJobID(2), priority: 7, delay: 0),
            ])
    }

    @Test func `nothing is reserved meanwhile, and what still comes goes back at once`() throws {
        let world = try CoreWorld()
        // This reserve waits when the ledger goes away.
        let waiting = try #require(world.nextBatch(for: 1))
        #expect(waiting.block != nil)
        let sentAt = world.now
        world.isLedgerAway = true
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("due", due: .zero))])
        world.answerLedger()
        for _ in 0..<40 {
            world.advance(by: .seconds(1))
            world.tick()
            world.answerLedger()
            world.answer(node: 0)
            #expect(!world.hasWork(for: 0))
        }
        world.core.answered(
            waiting, link: 1, replies: [.reserved(BeanstalkJobID(9), try CoreWorld.record("late", due: .zero))],
            isLost: false, generation: ConnectionGeneration(1, serverID: CoreWorld.server(1)), sentAt: sentAt,
            now: world.now)
        #expect(world.heldCopies == 0)
        #expect(world.calls(on: 1) == [.release(BeanstalkJobID(9), priority: 7, delay: 0)])
    }

    @Test func `a ledger that answers and does not serve is tried with one copy, which goes back at once`() throws {
        let world = try CoreWorld()
        func refuse() {
            let calls = world.takeLedgerCalls()
            world.core.ledgerAnswered(
                calls,
                calls.map {
                    $0.key == LedgerKey(boardOf: .default)
                        ? .success(.checkedIn(at: world.now.wall, pausedUntil: nil))
                        : .failure(DelayQueueError(.ledgerUnavailable, "full", isRetriable: true))
                }, sentAt: world.now, now: world.now)
        }
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero))])
        refuse()
        for _ in 0..<35 {
            world.advance(by: .seconds(1))
            world.tick()
            refuse()
            world.answerAll()
        }
        #expect(world.heldCopies == 0)
        var tries = 0
        for number in 0..<20 {
            world.advance(by: .seconds(1))
            world.tick()
            refuse()
            guard let batch = world.nextBatch(for: 0), batch.reserves > 0 else { continue }
            #expect(batch.reserves == 1)
            tries += 1
            world.core.answered(
                batch, link: 0,
                replies: batch.calls.map { _ in .released }
                    + [.reserved(BeanstalkJobID(UInt64(100 + number)), try CoreWorld.record("b", due: .zero))],
                isLost: false, generation: ConnectionGeneration(1, serverID: CoreWorld.server(0)), sentAt: world.now,
                now: world.now)
            refuse()
            #expect(world.heldCopies == 0)
        }
        #expect(tries > 5)
    }

    @Test func `what was held runs as soon as the ledger is back`() throws {
        let world = try CoreWorld()
        world.isLedgerAway = true
        for number in 1...3 {
            world.answer(node: 0, reserved: [(UInt64(number), try CoreWorld.record("\(number)", due: .zero))])
        }
        world.answerLedger()
        pass(20, in: world)
        world.isLedgerAway = false
        pass(3, in: world)
        #expect(world.delivered.count == 3)
    }

    @Test func `a job that runs keeps running, and its settlement is tried`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.isLedgerAway = true
        pass(29, in: world)
        #expect(world.heldCopies == 1)
        world.settle(world.delivered[0].id, .complete)
        pass(20, in: world)
        world.isLedgerAway = false
        pass(2, in: world)
        #expect(world.settled.map(\.error) == [nil])
    }
}
