import Beanstalk
import Testing

@testable import DelayQueue

/// Jobs whose leases ended: they wait, and after the second time they run alone.
@Suite("Suspects")
struct SuspectTests {
    private static let turn = LedgerKey(suspectsOf: .default)

    private func key(_ id: String) throws -> LedgerKey { LedgerKey(queue: .default, id: try JobID(id)) }

    /// A record as it is after so many leases of the job ended.
    private func waiting(ended: Int, alone: Int = 0) throws -> LedgerRecord {
        .waiting(
            try ClaimOwner("before"), attempt: ended,
            failures: JobFailures(errors: 0, endedLeases: ended, endedAlone: alone), notBefore: CoreWorld.start)
    }

    /// The application says what it wants, as it does after each turn of the engine, until the ledger was asked all.
    private func settleDown(_ world: CoreWorld, demand: Int = 10) {
        for _ in 0..<6 {
            world.tick()
            world.core.setDemand(demand, now: world.now)
            world.answerLedger()
        }
    }

    private func reserve(_ id: String, _ number: UInt64, in world: CoreWorld, due: Duration = .zero) throws {
        world.answer(node: 0, reserved: [(number, try CoreWorld.record(id, due: due))])
    }

    // MARK: Ended leases

    @Test func `a job whose lease ended waits, and all of the wait is left to chance`() throws {
        var waits: [Duration] = []
        for number in 0..<40 {
            let world = try CoreWorld { $0.ownerPrefix = "me\(number)." }
            let key = try key("a")
            world.records[key] = .claimed(
                try ClaimOwner("gone"), attempt: 1, failures: 0, leaseEnd: CoreWorld.start)
            try reserve("a", 1, in: world)
            world.answerLedger()
            world.answerLedger()
            #expect(world.delivered.isEmpty)
            guard case .waiting(_, attempt: 1, let failures, let notBefore)? = world.records[key] else {
                Issue.record("the job does not wait")
                return
            }
            #expect(failures == JobFailures(errors: 0, endedLeases: 1))
            waits.append(CoreWorld.start.duration(to: notBefore))
        }
        #expect(waits.allSatisfy { $0 >= .zero && $0 < .seconds(1) })
        #expect(waits.min().map { $0 < .milliseconds(200) } == true)
        #expect(waits.max().map { $0 > .milliseconds(800) } == true)
    }

    @Test func `ended leases do not use up the failures of a job`() throws {
        let world = try CoreWorld(maximumFailures: 1)
        world.records[try key("a")] = try waiting(ended: 1)
        try reserve("a", 1, in: world)
        settleDown(world)
        #expect(world.delivered.map(\.failures) == [JobFailures(errors: 0, endedLeases: 1)])
    }

    // MARK: Alone

    @Test func `a suspect runs once nothing else runs here, and nothing is taken meanwhile`() throws {
        let world = try CoreWorld()
        world.records[try key("suspect")] = try waiting(ended: 2)
        try reserve("running", 1, in: world)
        settleDown(world)
        try reserve("later", 2, in: world, due: .seconds(2))
        try reserve("suspect", 3, in: world)
        settleDown(world)
        // The process has the turn. What runs here goes on, and what was fetched went back.
        #expect(world.delivered.count == 1)
        #expect(world.recalls == 1)
        #expect(world.unmetDemand == 0)
        world.answer(node: 0)
        #expect(world.sent[0] == [.release(BeanstalkJobID(2), priority: 7, delay: 1)])
        #expect(world.nextBatch(for: 1) == nil, "nothing is reserved")
        // What a reserve brings that was on its way goes back too.
        world.settle(world.delivered[0].id, .complete)
        settleDown(world)
        #expect(world.delivered.map(\.failures) == [0, JobFailures(errors: 0, endedLeases: 2)])
        guard case .claimed(_, _, _, _, isAlone: true)? = world.records[try key("suspect")] else {
            Issue.record("the ledger does not know that it runs alone")
            return
        }
        #expect(world.unmetDemand == 0)
        world.settle(world.delivered[1].id, .complete)
        settleDown(world)
        // It is over: others may have the turn, and this process takes jobs again.
        #expect(world.unmetDemand == 10)
        guard case .waiting? = world.records[Self.turn] else {
            Issue.record("the turn was kept")
            return
        }
        try reserve("next", 4, in: world)
        settleDown(world)
        #expect(world.delivered.count == 3)
    }

    @Test func `a grant that comes while room is made is given back`() throws {
        let world = try CoreWorld()
        world.records[try key("suspect")] = try waiting(ended: 2)
        try reserve("suspect", 1, in: world)
        world.answerLedger()
        try reserve("other", 2, in: world)
        // The turn and the other job are granted together.
        world.answerLedger()
        settleDown(world)
        #expect(world.delivered.map(\.attempt) == [3])
        #expect(world.settled.map(\.settlement) == [.giveBack(after: .zero)])
        #expect(
            world.perform(.claim(try ClaimOwner("other")), on: try key("other")) == .granted(attempt: 2, failures: 0))
    }

    @Test func `a suspect waits while another process has the turn, and jobs run here meanwhile`() throws {
        let world = try CoreWorld()
        world.records[try key("suspect")] = try waiting(ended: 2)
        _ = world.perform(.takeTurn(try ClaimOwner("elsewhere")), on: Self.turn)
        try reserve("suspect", 1, in: world)
        settleDown(world)
        #expect(world.delivered.isEmpty)
        #expect(world.unmetDemand == 10)
        try reserve("other", 2, in: world)
        settleDown(world)
        #expect(world.delivered.count == 1)
        // The process that had it is dead.
        world.records[Self.turn] = nil
        world.advance(by: .seconds(2))
        world.tick()
        settleDown(world)
        world.settle(world.delivered[0].id, .complete)
        settleDown(world)
        #expect(world.delivered.map(\.attempt) == [1, 3])
    }

    @Test func `many suspects ask for one turn a second`() throws {
        let world = try CoreWorld(demand: 50)
        _ = world.perform(.takeTurn(try ClaimOwner("elsewhere")), on: Self.turn)
        for number in 0..<30 {
            world.records[try key("s\(number)")] = try waiting(ended: 2)
            try reserve("s\(number)", UInt64(number), in: world)
        }
        settleDown(world, demand: 50)
        var turns = 0
        for _ in 0..<10 {
            world.advance(by: .seconds(1))
            world.tick()
            for _ in 0..<4 {
                world.core.setDemand(50, now: world.now)
                turns += world.core.ledgerCalls.count { if case .takeTurn = $0.operation { true } else { false } }
                world.answerLedger()
            }
        }
        #expect((5...12).contains(turns))
    }

    @Test func `the turn is renewed while the suspect runs`() throws {
        let world = try CoreWorld()
        world.records[try key("suspect")] = try waiting(ended: 2)
        try reserve("suspect", 1, in: world)
        settleDown(world)
        for _ in 0..<60 {
            world.advance(by: .seconds(1))
            world.tick()
            world.answerLedger()
            world.answerAll()
        }
        #expect(world.leasesLost.isEmpty)
        guard case .held = world.perform(.takeTurn(try ClaimOwner("elsewhere")), on: Self.turn) else {
            Issue.record("the turn ended")
            return
        }
    }

    @Test func `a process that finds no room for its suspect goes on, and others have the turn`() throws {
        let world = try CoreWorld()
        world.records[try key("suspect")] = try waiting(ended: 2)
        try reserve("endless", 1, in: world)
        settleDown(world)
        try reserve("suspect", 3, in: world)
        settleDown(world)
        #expect(world.unmetDemand == 0, "the process makes room")
        for _ in 0..<Int(world.core.settings.lease.components.seconds) {
            world.advance(by: .seconds(1))
            settleDown(world)
        }
        #expect(world.unmetDemand > 0, "it takes jobs again")
        #expect(world.calls(on: 0).contains(.release(BeanstalkJobID(3), priority: 7, delay: 1)))
        guard case .waiting? = world.records[Self.turn] else {
            Issue.record("the turn was kept: \(String(describing: world.records[Self.turn]))")
            return
        }
        // It leaves suspects to others for a while, and is more patient then.
        world.answer(node: 0)
        try reserve("suspect", 4, in: world)
        settleDown(world)
        #expect(world.unmetDemand > 0)
        for _ in 0..<Int((world.core.settings.lease * 4).components.seconds) {
            world.advance(by: .seconds(1))
            settleDown(world)
            world.answer(node: 0)
        }
        settleDown(world)
        #expect(world.unmetDemand == 0)
    }

    @Test func `a suspect whose turn is over before it could be claimed is not run on it`() throws {
        let world = try CoreWorld()
        world.records[try key("suspect")] = try waiting(ended: 2)
        try reserve("running", 1, in: world)
        settleDown(world)
        try reserve("suspect", 2, in: world)
        settleDown(world)
        world.isLedgerAway = true
        world.advance(by: .seconds(31))
        world.settle(world.delivered[0].id, .complete, waiter: nil)
        settleDown(world)
        #expect(world.delivered.count == 1)
        #expect(world.unmetDemand == 10)
    }

    @Test func `the loss of a suspect's last copy ends its turn`() throws {
        let world = try CoreWorld()
        world.records[try key("suspect")] = try waiting(ended: 2)
        try reserve("running", 1, in: world)
        settleDown(world)
        world.answer(node: 1, reserved: [(2, try CoreWorld.record("suspect", due: .zero))])
        settleDown(world)
        #expect(world.unmetDemand == 0)
        world.lose(node: 1)
        settleDown(world)
        #expect(world.unmetDemand == 10)
        guard case .waiting? = world.records[Self.turn] else {
            Issue.record("the turn was kept")
            return
        }
    }

    @Test func `a consumer that ends gives its suspect and the turn back`() throws {
        let world = try CoreWorld()
        world.records[try key("suspect")] = try waiting(ended: 2)
        try reserve("running", 1, in: world)
        settleDown(world)
        try reserve("suspect", 2, in: world)
        settleDown(world)
        world.core.drain(now: world.now)
        world.settle(world.delivered[0].id, .complete)
        settleDown(world, demand: 0)
        world.answerAll()
        settleDown(world, demand: 0)
        #expect(world.isIdle)
        guard case .waiting? = world.records[Self.turn] else {
            Issue.record("the turn was kept")
            return
        }
    }

    // MARK: The end

    @Test func `leases that ended while it ran alone end a job, at once and without a turn`() throws {
        let world = try CoreWorld()
        world.records[try key("a")] = .claimed(
            try ClaimOwner("gone"), attempt: 5, failures: JobFailures(errors: 0, endedLeases: 4, endedAlone: 2),
            leaseEnd: CoreWorld.start, isAlone: true)
        try reserve("a", 1, in: world)
        settleDown(world)
        guard case .dead(_, attempt: 6, let failures, _, let report)? = world.records[try key("a")] else {
            Issue.record("the job is not dead")
            return
        }
        #expect(failures == JobFailures(errors: 0, endedLeases: 5, endedAlone: 3))
        #expect(report.reason == "3 leases ended while it ran alone in its process")
        #expect(world.delivered.isEmpty)
        #expect(world.records[Self.turn] == nil)
    }

    @Test func `leases that ended beside other jobs end none`() throws {
        let world = try CoreWorld { $0.retryPolicy.maximumEndedAlone = 1 }
        world.records[try key("a")] = .claimed(
            try ClaimOwner("gone"), attempt: 9, failures: JobFailures(errors: 0, endedLeases: 8),
            leaseEnd: CoreWorld.start)
        try reserve("a", 1, in: world)
        settleDown(world)
        guard case .waiting(_, attempt: 9, let failures, let notBefore)? = world.records[try key("a")] else {
            Issue.record("the job does not wait")
            return
        }
        #expect(failures == JobFailures(errors: 0, endedLeases: 9))
        #expect(notBefore > CoreWorld.start + .seconds(1), "its waits grow")
    }
}
