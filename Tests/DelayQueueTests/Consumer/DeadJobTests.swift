import Beanstalk
import NIOCore
import PipelinedTransport
import Testing

@testable import DelayQueue

/// Dead is a state of the ledger: no copy goes, each asks again, and the ledger knows where they lie.
@Suite("Consumer decisions about dead jobs")
struct DeadJobTests {
    private let key: LedgerKey

    init() throws {
        key = LedgerKey(queue: .default, id: try JobID("a"))
    }

    /// With a copy on each of the first nodes, under the number 1 + node, delivered.
    private func withDeliveredJob(nodes: Int) throws -> (CoreWorld, HeldJobID) {
        let world = try CoreWorld()
        for node in 0..<nodes { try surface(on: node, in: world) }
        world.answerLedger()
        return (world, try #require(world.delivered.first?.id))
    }

    private func surface(on node: Int, in world: CoreWorld) throws {
        world.answer(
            node: node, reserved: [(UInt64(1 + node), try CoreWorld.record("a", due: .zero, copy: node))])
    }

    private func declareDead(_ world: CoreWorld) throws {
        let owner = try ClaimOwner("other")
        _ = world.perform(.claim(owner), on: key)
        let report = DeathReport(reason: "x", consumer: "host/8")
        #expect(world.perform(.bury(owner, attempt: 1, report), on: key) == .settled)
    }

    private func report(_ world: CoreWorld) throws -> DeathReport {
        guard case .dead(_, _, _, _, let report) = world.records[key] else { throw NotDead() }
        return report
    }

    private struct NotDead: Error {}

    /// The delay it went back with, where it went back as a dead job's copy does.
    private func delay(_ kind: NodeCall.Kind?) -> UInt32? {
        if case .release(_, priority: DuePriority.dead, let delay) = kind { delay } else { nil }
    }

    private func copy(on node: Int, of world: CoreWorld) -> StoredCopy {
        StoredCopy(world.core.settings.nodes[node].address, BeanstalkJobID(UInt64(1 + node)))
    }

    @Test func `a job is given up within the ledger's round trip, and its copies go back for long`() throws {
        let (world, id) = try withDeliveredJob(nodes: 3)
        world.settle(id, .bury(reason: "no such customer"))
        world.answerLedger()
        #expect(world.settled.map(\.settlement) == [.bury(reason: "no such customer")])
        #expect(world.settled.map(\.error) == [nil])
        let report = try report(world)
        #expect(report.reason == "no such customer")
        #expect(report.consumer == "host/7")
        #expect(report.copies == (0..<3).map { copy(on: $0, of: world) })
        #expect(world.core.jobs.isEmpty)
        #expect(world.heldCopies == 0)
        #expect(!world.hasLedgerCalls, "all was told")
        world.answerAll()
        for node in 0..<3 { #expect(delay(world.sent[node].last) != nil) }
    }

    @Test func `a job is given up also where no copy is at hand`() throws {
        let (world, id) = try withDeliveredJob(nodes: 1)
        world.lose(node: 0)
        world.settle(id, .bury(reason: "x"))
        world.answerLedger()
        #expect(world.settled.map(\.error) == [nil])
        #expect(try report(world).copies.isEmpty)
        #expect(world.core.jobs.isEmpty)
    }

    @Test func `a copy that comes before the ledger has answered is told of too`() throws {
        let (world, id) = try withDeliveredJob(nodes: 1)
        world.settle(id, .bury(reason: "x"))
        let calls = world.takeLedgerCalls()
        try surface(on: 1, in: world)
        let replies = calls.map {
            Result<LedgerReply, DelayQueueError>.success(world.perform($0.operation, on: $0.key))
        }
        world.core.ledgerAnswered(calls, replies, sentAt: world.now, now: world.now)
        world.answerLedger()
        #expect(try report(world).copies == [copy(on: 0, of: world), copy(on: 1, of: world)])
        world.answerAll()
        for node in 0...1 { #expect(delay(world.sent[node].last) != nil) }
    }

    @Test func `a request that was carried out before its answer was lost told of fewer copies`() throws {
        let (world, id) = try withDeliveredJob(nodes: 1)
        world.settle(id, .bury(reason: "x"))
        let calls = world.takeLedgerCalls()
        for call in calls { #expect(world.perform(call.operation, on: call.key) == .settled) }
        try surface(on: 1, in: world)
        let away = calls.map { _ in Result<LedgerReply, DelayQueueError>.failure(.init(.ledgerUnavailable, "away")) }
        world.core.ledgerAnswered(calls, away, sentAt: world.now, now: world.now)
        world.advance(by: .seconds(2))
        world.tick()
        world.answerLedger()
        #expect(world.settled.map(\.error) == [nil])
        world.answerLedger()
        #expect(try Set(report(world).copies) == [copy(on: 0, of: world), copy(on: 1, of: world)])
    }

    @Test func `a copy that surfaces learns that its job is dead, tells where it lies and goes back`() throws {
        let world = try CoreWorld()
        try declareDead(world)
        try surface(on: 1, in: world)
        world.answerLedger()
        #expect(world.delivered.isEmpty)
        #expect(world.core.jobs.isEmpty)
        #expect(world.claimsUnderway == 0)
        world.answerAll()
        let wait = try #require(delay(world.sent[1].last))
        // Records of jobs without counted copies last a day: half of that is the most.
        #expect(wait >= 21_600 && wait <= 43_200)
        world.answerLedger()
        #expect(try report(world).copies == [copy(on: 1, of: world)])
        #expect(world.isIdle)
    }

    @Test func `copies do not ask again all at once`() throws {
        var delays: Set<UInt32> = []
        for number in 1...200 as ClosedRange<UInt64> {
            let world = try CoreWorld()
            try declareDead(world)
            world.answer(node: 0, reserved: [(number, try CoreWorld.record("a", due: .zero))])
            world.answerLedger()
            world.answerAll()
            delays.insert(try #require(delay(world.sent[0].last)))
        }
        #expect(delays.count > 190)
        #expect(try #require(delays.max()) - (try #require(delays.min())) > 18_000)
    }

    @Test func `no delay is longer than half of what records last`() {
        var timing = LedgerTiming()
        #expect(ConsumerCore.longestDeadDelay(timing) == 43_200)
        timing.retentionOfUnknownCopies = .seconds(30 * 86_400)
        #expect(ConsumerCore.longestDeadDelay(timing) == 86_400)
        timing.retention = .seconds(600)
        #expect(ConsumerCore.longestDeadDelay(timing) == 300)
        timing.retention = .zero
        timing.lease = .milliseconds(1)
        timing.timeToRun = .milliseconds(1)
        timing.grace = .zero
        #expect(ConsumerCore.longestDeadDelay(timing) == 1)
    }

    @Test func `a replayed job runs, with no failures`() throws {
        let world = try CoreWorld()
        try declareDead(world)
        #expect(world.perform(.replay(try ClaimOwner("operator")), on: key) == .replayed)
        try surface(on: 1, in: world)
        world.answerLedger()
        #expect(world.delivered.map(\.attempt) == [2])
        #expect(world.delivered.map(\.failures) == [0])
    }

    @Test func `where a node can write no delay down, the copy is kept and asks again`() throws {
        let world = try CoreWorld()
        world.core.links[1].isDegraded = true
        try declareDead(world)
        try surface(on: 0, in: world)
        try surface(on: 1, in: world)
        world.answerLedger()
        world.answerAll()
        #expect(delay(world.sent[0].last) != nil)
        #expect(world.sent[1].isEmpty)
        #expect(world.parkedCopies == 1)
        world.answerLedger()
        #expect(try report(world).copies == [copy(on: 0, of: world), copy(on: 1, of: world)])
        _ = world.perform(.replay(try ClaimOwner("operator")), on: key)
        for _ in 0..<40 {
            world.advance(by: .seconds(1))
            world.tick()
            world.answerAll()
            world.answerLedger()
        }
        #expect(world.delivered.map(\.attempt) == [2])
    }

    @Test func `a job that is given up after its claim was lost stays as it is`() throws {
        let (world, id) = try withDeliveredJob(nodes: 1)
        let other = LedgerRecord.claimed(try ClaimOwner("other"), attempt: 9, failures: 0, leaseEnd: .latest)
        world.records[key] = other
        world.settle(id, .bury(reason: "x"))
        world.answerLedger()
        #expect(world.settled.map(\.error) == [.claimLost])
        #expect(world.records[key] == other)
    }
}
