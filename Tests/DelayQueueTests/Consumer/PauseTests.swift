import Beanstalk
import Testing

@testable import DelayQueue

/// A paused queue, and how a consumer learns of it.
@Suite("Pausing")
struct PauseTests {
    private func reserve(_ id: String, _ number: UInt64, in world: CoreWorld, due: Duration = .zero) throws {
        world.answer(node: 0, reserved: [(number, try CoreWorld.record(id, due: due))])
    }

    private func pause(_ world: CoreWorld, for duration: Duration? = nil) {
        _ = world.perform(.board(.pause(for: duration, by: "", why: "")), on: LedgerKey(boardOf: .default))
        checkIn(world)
    }

    private func resume(_ world: CoreWorld) {
        _ = world.perform(.board(.resume), on: LedgerKey(boardOf: .default))
        checkIn(world)
    }

    private func checkIn(_ world: CoreWorld) {
        world.core.checkIn(now: world.now)
        world.answerLedger()
    }

    /// A world whose consumer was started, and knows that the queue is not paused.
    private func started() throws -> CoreWorld {
        let world = try CoreWorld()
        world.core.resume(now: world.now)
        world.answerLedger()
        return world
    }

    @Test func `nothing is taken before the ledger has told whether the queue is paused`() throws {
        let world = try CoreWorld()
        world.core.resume(now: world.now)
        #expect(world.unmetDemand == 0)
        #expect(world.nextBatch(for: 0) == nil)
        world.answerLedger()
        #expect(world.unmetDemand == 10)
        #expect(world.nextBatch(for: 0)?.reserves == 1)
    }

    @Test func `it checks in each second, and once more when it was told of a change meanwhile`() throws {
        let world = try started()
        #expect(world.timeUntilTick == .seconds(1))
        world.tick()
        #expect(!world.hasLedgerCalls)
        world.advance(by: .seconds(1))
        world.tick()
        let calls = world.takeLedgerCalls()
        #expect(calls.map(\.key) == [LedgerKey(boardOf: .default)])
        world.core.checkIn(now: world.now)
        #expect(!world.hasLedgerCalls, "one is under way")
        world.core.ledgerAnswered(
            calls, [.success(.checkedIn(at: world.now.wall, pausedUntil: nil))], sentAt: world.now, now: world.now)
        #expect(world.timeUntilTick == .zero)
        world.tick()
        #expect(world.hasLedgerCalls)
    }

    @Test func `what was fetched is handed on, what runs goes on, and a grant under way is given back`() throws {
        let world = try started()
        try reserve("running", 1, in: world)
        world.answerLedger()
        try reserve("soon", 2, in: world, due: .seconds(2))
        try reserve("claimed", 3, in: world)
        _ = world.perform(.board(.pause(for: nil, by: "", why: "")), on: LedgerKey(boardOf: .default))
        world.core.checkIn(now: world.now)
        world.answerLedger()
        world.answerLedger()
        #expect(world.delivered.count == 1)
        #expect(world.recalls == 1)
        world.answer(node: 0)
        #expect(
            world.sent[0] == [
                .release(BeanstalkJobID(2), priority: 7, delay: 1), .release(BeanstalkJobID(3), priority: 7, delay: 0),
            ])
        #expect(world.nextBatch(for: 1) == nil, "nothing is reserved")
        // What a reserve brings that was on its way goes back.
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        #expect(world.settled.last?.error == nil)
        guard case .done? = world.records[LedgerKey(queue: .default, id: try JobID("running"))] else {
            Issue.record("what ran could not end")
            return
        }
        guard
            case .waiting(_, _, let failures, _)? = world.records[LedgerKey(queue: .default, id: try JobID("claimed"))]
        else {
            Issue.record("the grant was kept")
            return
        }
        #expect(failures == 0)
    }

    @Test func `what a reserve still brings goes back at once, and a retried job to its node`() throws {
        let world = try started()
        try reserve("running", 1, in: world)
        world.answerLedger()
        let waiting = try #require(world.nextBatch(for: 1))
        #expect(waiting.reserves == 1)
        let sentAt = world.now
        pause(world)
        world.core.answered(
            waiting, link: 1, replies: [.reserved(BeanstalkJobID(9), try CoreWorld.record("late", due: .zero))],
            isLost: false, generation: ConnectionGeneration(1, serverID: CoreWorld.server(1)), sentAt: sentAt,
            now: world.now)
        #expect(world.calls(on: 1) == [.release(BeanstalkJobID(9), priority: 7, delay: 0)])
        world.settle(world.delivered[0].id, .retry(after: .seconds(1)))
        world.answerLedger()
        #expect(world.calls(on: 0) == [.release(BeanstalkJobID(1), priority: 7, delay: 0)])
        #expect(world.heldCopies == 0)
    }

    @Test func `resumed or at its end it takes jobs again at once`() throws {
        let world = try started()
        pause(world)
        #expect(world.nextBatch(for: 0) == nil)
        resume(world)
        #expect(world.nextBatch(for: 0)?.reserves == 1)
        pause(world, for: .milliseconds(2500))
        world.advance(by: .milliseconds(2499))
        world.tick()
        #expect(world.nextBatch(for: 1) == nil)
        // Without any word of the ledger's.
        world.advance(by: .milliseconds(1))
        world.tick()
        #expect(world.nextBatch(for: 1)?.reserves == 1)
    }

    @Test func `while the ledger is away a pause holds until its end`() throws {
        let world = try started()
        pause(world, for: .seconds(10))
        world.isLedgerAway = true
        for _ in 0..<9 {
            world.advance(by: .seconds(1))
            world.tick()
            world.answerLedger()
            #expect(world.isPaused)
        }
        world.advance(by: .seconds(1))
        world.tick()
        #expect(!world.isPaused)
    }

    @Test func `a pause without an end sets no timer, and is over where the ledger has lost it`() throws {
        let world = try started()
        pause(world)
        world.tick()
        world.answerLedger()
        #expect(world.timeUntilTick == .seconds(1))
        world.board = nil
        checkIn(world)
        #expect(world.unmetDemand == 10)
    }

    @Test func `a pause ends the wait of a suspect for room, and the turn goes to others`() throws {
        let world = try started()
        let suspect = LedgerKey(queue: .default, id: try JobID("suspect"))
        world.records[suspect] = .waiting(
            try ClaimOwner("before"), attempt: 2, failures: JobFailures(errors: 0, endedLeases: 2),
            notBefore: CoreWorld.start)
        try reserve("running", 1, in: world)
        world.answerLedger()
        try reserve("suspect", 2, in: world)
        world.answerLedger()
        world.answerLedger()
        #expect(world.isRunningAlone)
        pause(world)
        world.answerLedger()
        #expect(!world.isRunningAlone && !world.hasSuspect)
        guard case .waiting? = world.records[LedgerKey(suspectsOf: .default)] else {
            Issue.record("the turn was kept")
            return
        }
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        #expect(world.unmetDemand == 0 && world.delivered.count == 1)
        resume(world)
        #expect(world.unmetDemand > 0)
    }

    @Test func `a suspect that runs goes on, and its turn is renewed and ended in a pause too`() throws {
        let world = try started()
        let suspect = LedgerKey(queue: .default, id: try JobID("suspect"))
        world.records[suspect] = .waiting(
            try ClaimOwner("before"), attempt: 2, failures: JobFailures(errors: 0, endedLeases: 2),
            notBefore: CoreWorld.start)
        try reserve("suspect", 1, in: world)
        for _ in 0..<4 {
            world.core.setDemand(10, now: world.now)
            world.answerLedger()
        }
        #expect(world.delivered.count == 1)
        pause(world)
        #expect(world.isRunningAlone)
        world.advance(by: .seconds(11))
        world.tick()
        #expect(
            world.core.ledgerCalls.contains { if case .takeTurn = $0.operation { true } else { false } })
        world.answerLedger()
        world.settle(world.delivered[0].id, .complete)
        world.core.setDemand(10, now: world.now)
        world.answerLedger()
        world.core.setDemand(10, now: world.now)
        world.answerLedger()
        #expect(!world.isRunningAlone && world.unmetDemand == 0)
        resume(world)
        #expect(world.unmetDemand == 10)
    }

    @Test func `it tells of itself, and takes itself off the board when it has ended`() throws {
        let world = try started()
        try reserve("a", 1, in: world)
        world.answerLedger()
        world.core.setLoad(limit: 4, waiting: 0)
        world.advance(by: .seconds(1))
        world.tick()
        world.answerLedger()
        let presence = try #require(world.board?.consumers["me"]?.presence)
        #expect(presence.process == "host/7" && presence.version == PackageVersion.current)
        #expect(presence.state == .taking && presence.busy == 1 && presence.limit == 4 && presence.done == 0)
        #expect(presence.age == .seconds(1) && presence.interval == .seconds(1) && presence.skew == .zero)
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        world.core.drain(now: world.now)
        #expect(!world.isIdle && world.board?.consumers.count == 1)
        world.answer(node: 0)
        world.answerLedger()
        world.answerLedger()
        #expect(world.board?.consumers.isEmpty ?? true)
        #expect(world.isIdle && !world.hasLedgerCalls)
        // Iterated again, it is there again.
        world.core.resume(now: world.now)
        world.answerLedger()
        #expect(world.board?.consumers["me"]?.presence.done == 1)
    }

    @Test func `a drain does not wait for a ledger that is away`() throws {
        let world = try started()
        world.isLedgerAway = true
        world.advance(by: .seconds(1))
        world.tick()
        world.answerLedger()
        world.core.drain(now: world.now)
        #expect(world.isIdle && !world.hasLedgerCalls)
    }

    @Test func `the board shows at once what it has made of a pause`() throws {
        let world = try started()
        pause(world)
        #expect(world.board?.consumers["me"]?.presence.state == .taking, "as it was when it asked")
        #expect(world.timeUntilTick == .zero)
        world.tick()
        world.answerLedger()
        #expect(world.board?.consumers["me"]?.presence.state == .paused)
        #expect(world.timeUntilTick == .seconds(1))
    }

    @Test func `a board that cannot be read stops nobody, and is told of once`() throws {
        let world = try CoreWorld()
        world.core.resume(now: world.now)
        for _ in 0..<3 {
            let calls = world.takeLedgerCalls()
            #expect(calls.count == 1)
            let error = DelayQueueError(.ledgerRecordUnreadable, "x")
            world.core.ledgerAnswered(calls, calls.map { _ in .failure(error) }, sentAt: world.now, now: world.now)
            #expect(world.unmetDemand == 10)
            world.advance(by: .seconds(1))
            world.tick()
        }
        #expect(world.warnings == [.checkInRefused])
    }

    @Test func `a failed check-in is not put off by further calls that fail`() throws {
        let world = try started()
        try reserve("a", 1, in: world)
        world.answerLedger()
        world.isLedgerAway = true
        var checkIns = 0
        for _ in 0..<40 {
            world.advance(by: .milliseconds(500))
            world.tick()
            if world.core.ledgerCalls.contains(where: { $0.key == LedgerKey(boardOf: .default) }) { checkIns += 1 }
            world.core.ask(.renew(ClaimOwner.random(), attempt: 1), world.delivered[0].id)
            world.answerLedger()
        }
        #expect(checkIns >= 18)
    }
}
