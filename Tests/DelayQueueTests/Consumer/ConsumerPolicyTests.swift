import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

/// At-most-once delivery, clocks that are set, limits, and nodes whose disk is full.
@Suite("Consumer policies and limits")
struct ConsumerPolicyTests {
    private let key = LedgerKey(queue: .default, id: JobID(unchecked: "a"))

    // MARK: At most once

    @Test func `at most once a job is delivered when it is known to be completed`() throws {
        let world = try CoreWorld { $0.isAtMostOnce = true }
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        #expect(world.delivered.isEmpty, "only claimed")
        guard case .claimed = world.records[key] else {
            Issue.record("\(String(describing: world.records[key]))")
            return
        }
        world.answerLedger()
        #expect(world.delivered.map(\.attempt) == [1])
        guard case .done = world.records[key] else {
            Issue.record("\(String(describing: world.records[key]))")
            return
        }
        world.answerAll()
        world.passFinishedHorizon()
        world.answerLedger()
        #expect(world.sent[0] == [.delete(BeanstalkJobID(1), index: 0)])
        #expect(world.isIdle)
    }

    @Test func `at most once nothing is delivered whose completion is in doubt`() throws {
        let world = try CoreWorld { $0.isAtMostOnce = true }
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        world.isLedgerAway = true
        for _ in 0..<40 {
            world.answerLedger()
            world.advance(by: .seconds(1))
            world.tick()
            world.answerAll()
        }
        world.isLedgerAway = false
        #expect(world.delivered.isEmpty)
        #expect(world.heldCopies == 0, "given up, and back in the queue")
        #expect(world.sent[0].contains { if case .release = $0 { true } else { false } })
    }

    @Test func `at most once no more jobs are completed than tasks wait`() throws {
        let world = try CoreWorld(demand: 2) { $0.isAtMostOnce = true }
        let jobs = try (1...5).map { (UInt64($0), try CoreWorld.record("\($0)", due: .zero)) }
        world.answer(node: 0, reserved: jobs)
        for _ in 0..<4 { world.answerLedger() }
        #expect(world.delivered.count == 2)
        #expect(world.records.count == 2)
    }

    // MARK: Clocks

    @Test func `a clock set back keeps a job waiting, one set forward makes it due within a heartbeat`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .milliseconds(1500)))])
        world.advance(by: .milliseconds(1400))
        world.now.wall = world.now.wall - .seconds(1)
        world.advance(by: .milliseconds(100))
        world.tick()
        world.answerLedger()
        #expect(world.delivered.isEmpty, "1.5 s have passed, but by the clock it is not due")
        world.now.wall = world.now.wall + .seconds(1)
        // Nobody is told that a clock was set; the next look finds out.
        let wait = try #require(world.timeUntilTick)
        #expect(wait <= .seconds(1))
        world.advance(by: wait)
        world.tick()
        world.answerLedger()
        #expect(world.delivered.count == 1)
    }

    @Test func `reservations and leases are measured by a clock nobody sets`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero))])
        world.answerLedger()
        let id = try #require(world.delivered.first?.id)
        world.now.wall = world.now.wall + .seconds(3600)
        world.tick()
        #expect(world.leasesLost.isEmpty)
        world.settle(id, .complete)
        world.answerLedger()
        #expect(world.settled.map(\.error) == [nil])
    }

    // MARK: Limits

    @Test func `copies beyond the parking limit go back with a delay`() throws {
        let world = try CoreWorld(nodes: 1) { $0.parkedLimit = 2 }
        for job in 1...3 {
            let key = LedgerKey(queue: .default, id: JobID(unchecked: "\(job)"))
            _ = world.perform(.claim(ClaimOwner.random()), on: key)
            world.answer(node: 0, reserved: [(UInt64(job), try CoreWorld.record("\(job)", due: .zero))])
            world.answerLedger()
        }
        world.answer(node: 0)
        #expect(world.parkedCopies == 2)
        #expect(world.sent[0] == [.release(BeanstalkJobID(3), priority: 7, delay: 1)])
    }

    @Test func `reserving stops at the held limit, which jobs in the application's hands do not count against`() throws
    {
        let world = try CoreWorld(nodes: 1, demand: 100) { $0.heldLimit = 3 }
        for job in 1...4 {
            world.answer(node: 0, reserved: [(UInt64(job), try CoreWorld.record("now\(job)", due: .zero))])
            world.answerLedger()
        }
        #expect(world.delivered.count == 4)
        #expect(world.hasWork(for: 0))
        let later = try (5...7).map { (UInt64($0), try CoreWorld.record("later\($0)", due: .seconds(1))) }
        world.answer(node: 0, reserved: later)
        #expect(world.heldCopies == 7)
        #expect(!world.hasWork(for: 0))
        for job in world.delivered { world.settle(job.id, .complete) }
        world.answerLedger()
        world.answer(node: 0)
        #expect(!world.hasWork(for: 0), "three are still held")
        world.advance(by: .seconds(1))
        world.tick()
        world.answerLedger()
        #expect(world.hasWork(for: 0))
    }

    // MARK: Full disk

    @Test func `a node that cannot write gets copies back without a delay`() throws {
        let world = try CoreWorld(nodes: 1)
        let later = try CoreWorld.record("later", due: .seconds(100))
        world.answer(node: 0, reserved: [(1, later)])
        world.answer(node: 0) { if case .release = $0 { .outOfMemory } else { nil } }
        #expect(world.sent[0] == [.release(BeanstalkJobID(1), priority: 7, delay: 60)])
        // From now on what is not due is kept here, and given back without a delay when it must go.
        world.answer(node: 0, reserved: [(2, later)])
        world.answer(node: 0)
        #expect(world.heldCopies == 1)
        world.core.drain(now: world.now)
        world.answer(node: 0)
        #expect(world.sent[0].last == .release(BeanstalkJobID(2), priority: 7, delay: 0))
    }
}
