import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

/// Jobs later than ledger records last: nothing can tell whether they ran.
@Suite("Late jobs")
struct LateJobTests {
    private static let days8 = Duration.seconds(8 * 86_400)

    private func world(_ policy: LateJobPolicy = .bury) throws -> CoreWorld {
        try CoreWorld { $0.latePolicy = policy }
    }

    /// The copies of one job that is late come to the consumer, one on each node.
    private func reserve(_ world: CoreWorld, late: Duration, copies: Int = 3, on nodes: Int = 1) throws {
        for node in 0..<nodes {
            let record = try CoreWorld.record("a", due: .zero - late, copy: node, copies: copies)
            world.answer(node: node, reserved: [(UInt64(node) + 1, record)])
        }
        for _ in 0..<6 {
            world.answerLedger()
            world.answerAll()
        }
    }

    private let key = LedgerKey(queue: .default, id: JobID(unchecked: "a"))

    @Test func `a job no record can have outlived is buried where it is, and leaves no record`() throws {
        let world = try world()
        try reserve(world, late: Self.days8, on: 3)
        #expect(world.delivered.isEmpty)
        #expect(world.records.isEmpty)
        for node in 0..<3 { #expect(world.sent[node].contains(.bury(BeanstalkJobID(UInt64(node) + 1), priority: 7))) }
        #expect(!world.allSent.contains { if case .delete = $0 { true } else { false } })
        #expect(world.lateJobs == [.bury, .bury, .bury])
        #expect(world.isIdle && world.claimsUnderway == 0)
    }

    @Test func `a kicked copy of it runs`() throws {
        let world = try world()
        world.kicks = 1
        try reserve(world, late: Self.days8)
        #expect(world.delivered.map(\.attempt) == [1])
        #expect(world.lateJobs.isEmpty)
    }

    @Test func `it runs, told and counted, where the policy says so`() throws {
        let world = try world(.deliver)
        try reserve(world, late: Self.days8, on: 3)
        #expect(world.delivered.map(\.attempt) == [1])
        #expect(world.lateJobs == [.deliver])
    }

    @Test func `its copies are deleted where the policy says so`() throws {
        let world = try world(.discard)
        try reserve(world, late: Self.days8, on: 3)
        #expect(world.delivered.isEmpty && world.records.isEmpty)
        for node in 0..<3 {
            #expect(world.sent[node].contains(.delete(BeanstalkJobID(UInt64(node) + 1), index: nil)))
        }
        #expect(world.lateJobs == [.discard, .discard, .discard])
    }

    @Test func `a job the ledger knows is no such job, however late`() throws {
        let world = try world()
        let owner = ClaimOwner.random()
        _ = world.perform(.claim(owner), on: key)
        _ = world.perform(.retry(owner, attempt: 1, delay: .zero), on: key)
        try reserve(world, late: Self.days8)
        #expect(world.delivered.map(\.attempt) == [2])
        #expect(world.lateJobs.isEmpty)
    }

    @Test func `a job that is done is cleared away, however late`() throws {
        let world = try world()
        let owner = ClaimOwner.random()
        _ = world.perform(.claim(owner), on: key)
        _ = world.perform(.complete(owner, attempt: 1, copies: 3), on: key)
        try reserve(world, late: Self.days8)
        #expect(world.delivered.isEmpty)
        #expect(world.sent[0].contains(.delete(BeanstalkJobID(1), index: 0)))
    }

    @Test func `how late that is depends on whether the copies are counted`() throws {
        let hours25 = Duration.seconds(25 * 3600)
        let counted = try world()
        try reserve(counted, late: hours25)
        #expect(counted.delivered.count == 1)
        let uncounted = try world()
        try reserve(uncounted, late: hours25, copies: 0)
        #expect(uncounted.delivered.isEmpty)
        #expect(uncounted.lateJobs == [.bury])
        let threeHours = try world()
        try reserve(threeHours, late: .seconds(3 * 3600), copies: 0)
        #expect(threeHours.delivered.count == 1)
    }

    @Test func `one whose connection goes while it is looked at is let go of`() throws {
        let world = try world()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero - Self.days8))])
        world.answerLedger()
        world.lose(node: 0)
        world.answerAll()
        #expect(world.core.jobs.isEmpty && world.claimsUnderway == 0)
        #expect(world.lateJobs.isEmpty)
    }
}
