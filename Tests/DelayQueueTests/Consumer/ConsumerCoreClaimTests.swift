import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

@Suite("Consumer decisions about claims")
struct ConsumerCoreClaimTests {
    // MARK: Claims held elsewhere

    @Test func `a copy whose job runs elsewhere is parked, touched, and asked for again`() throws {
        let world = try CoreWorld()
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        _ = world.perform(.claim(try ClaimOwner("other")), on: key)
        world.answer(node: 1, reserved: [(9, try CoreWorld.record("a", due: .zero, copy: 1))])
        world.answerLedger()
        #expect(world.parkedCopies == 1)
        var touches = 0
        for _ in 0..<62 {
            world.advance(by: .milliseconds(500))
            world.tick()
            world.answerLedger()
            world.answer(node: 1)
            touches = world.sent[1].count { if case .touch = $0 { true } else { false } }
        }
        // The other owner's lease of 30 s ended without a word, which was counted: this is its second grant.
        #expect(world.delivered.map(\.attempt) == [2])
        #expect(world.delivered.map(\.failures) == [JobFailures(errors: 0, endedLeases: 1)])
        #expect(touches >= 1)
        #expect(world.parkedCopies == 0)
        #expect(!world.sent[1].contains { if case .release = $0 { true } else { false } })
    }

    @Test func `copies of a waiting job are released once, with the delay`() throws {
        let world = try CoreWorld()
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        let owner = try ClaimOwner("other")
        _ = world.perform(.claim(owner), on: key)
        _ = world.perform(.retry(owner, attempt: 1, delay: .seconds(20)), on: key)
        world.answer(node: 1, reserved: [(9, try CoreWorld.record("a", due: .zero, copy: 1))])
        world.answerLedger()
        world.answer(node: 1)
        #expect(world.sent[1] == [.release(BeanstalkJobID(9), priority: 7, delay: 19)])
        #expect(world.core.jobs.isEmpty)
    }

    // MARK: Stale reservations

    @Test func `after a long wait the reservation is touched before it is claimed on`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))], after: .seconds(50))
        #expect(!world.hasLedgerCalls)
        world.answer(node: 0)
        #expect(world.sent[0] == [.touch(BeanstalkJobID(5))])
        #expect(world.hasLedgerCalls)
    }

    @Test func `a reservation that turns out to be gone is neither claimed nor run`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero))], after: .seconds(50))
        world.answer(node: 0) { _ in .notFound }
        #expect(!world.hasLedgerCalls)
        #expect(world.core.jobs.isEmpty)
    }

    @Test func `a grant that arrives after the reservation ran out is given back unrun`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero, timeToRun: 10))])
        world.advance(by: .seconds(11))
        world.answerLedger()
        #expect(world.delivered.isEmpty)
        world.answer(node: 0) { if case .touch = $0 { .notFound } else { nil } }
        world.answerLedger()
        #expect(world.delivered.isEmpty)
        #expect(world.settled.map(\.settlement) == [.giveBack(after: .zero)])
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        let reply3 = world.perform(.claim(try ClaimOwner("next")), on: key)
        #expect(reply3 == .granted(attempt: 2, failures: 0))
    }

    @Test func `nothing is sent for a copy whose connection is gone`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try CoreWorld.record("a", due: .zero, copy: 0))])
        world.answer(node: 1, reserved: [(6, try CoreWorld.record("a", due: .zero, copy: 1))])
        world.answerLedger()
        world.lose(node: 0)
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        world.answerAll()
        #expect(world.sent[0].isEmpty)
        #expect(world.sent[1] == [.delete(BeanstalkJobID(6), index: 1)])
        world.passFinishedHorizon()
        #expect(world.core.ledgerCalls.map(\.operation) == [.forget([1], of: 3)])
    }
}
