import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

/// Copies that an operator wrote in place of others: their index is not one that was planned.
@Suite("Added copies")
struct AddedCopyTests {
    private let key = LedgerKey(queue: .default, id: JobID(unchecked: "a"))

    private func reserve(
        _ world: CoreWorld, late: Duration = .zero, copy: Int = 3, role: CopyRole = .alone, on node: Int = 0
    ) throws {
        let record = try CoreWorld.record("a", due: .zero - late, copy: copy, role: role)
        world.answer(node: node, reserved: [(UInt64(node) + 1, record)])
        for _ in 0..<6 {
            world.answerLedger()
            world.answerAll()
        }
    }

    private func record(in world: CoreWorld) throws {
        _ = world.perform(.record(try ClaimOwner("operator"), due: CoreWorld.start), on: key)
    }

    @Test func `one runs by the record that was made before it was written`() throws {
        let world = try CoreWorld()
        try record(in: world)
        try reserve(world)
        #expect(world.delivered.map(\.attempt) == [1])
    }

    @Test func `without a record it makes none, and goes back to come again`() throws {
        let world = try CoreWorld()
        try reserve(world)
        #expect(world.delivered.isEmpty && world.records.isEmpty && world.lateJobs.isEmpty)
        #expect(world.sent[0].contains(.release(BeanstalkJobID(1), priority: 7, delay: 30)))
        #expect(world.isIdle)
    }

    @Test func `without a record it is put aside when another copy should have come long ago`() throws {
        let world = try CoreWorld()
        try reserve(world, late: .seconds(301))
        #expect(world.delivered.isEmpty && world.records.isEmpty)
        #expect(world.lateJobs == [.bury])
        #expect(world.sent[0].contains(.bury(BeanstalkJobID(1), priority: 7)))
    }

    @Test(arguments: [LateJobPolicy.deliver, .discard])
    func `whatever becomes of late jobs, it is only put aside`(_ policy: LateJobPolicy) throws {
        let world = try CoreWorld { $0.latePolicy = policy }
        try reserve(world, late: .seconds(301))
        #expect(world.delivered.isEmpty && world.records.isEmpty && world.lateJobs == [.bury])
        let late = try CoreWorld { $0.latePolicy = policy }
        try reserve(late, late: .seconds(8 * 86_400))
        #expect(late.delivered.isEmpty && late.lateJobs == [.bury])
    }

    @Test func `a person who kicks it wants it to run`() throws {
        let world = try CoreWorld()
        world.kicks = 1
        try reserve(world, late: .seconds(301))
        #expect(world.delivered.map(\.attempt) == [1])
    }

    @Test func `with a copy that was planned it is a copy like any other`() throws {
        let world = try CoreWorld()
        world.answer(node: 1, reserved: [(9, try CoreWorld.record("a", due: .zero, copy: 1))])
        try reserve(world)
        #expect(world.delivered.map(\.attempt) == [1])
    }

    @Test func `its delete does not count for a planned copy that is out of reach`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero, copy: 0))])
        world.answer(node: 1, reserved: [(2, try CoreWorld.record("a", due: .zero, copy: 1))])
        world.answer(node: 2, reserved: [(3, try CoreWorld.record("a", due: .zero, copy: 3))])
        for _ in 0..<4 {
            world.answerLedger()
            world.answerAll()
        }
        let job = try #require(world.delivered.first)
        world.settle(job.id, .complete)
        for _ in 0..<4 {
            world.answerLedger()
            world.answerAll()
        }
        world.passFinishedHorizon()
        world.answerLedger()
        guard case .done(_, let deleted)? = world.records[key] else {
            Issue.record("\(world.records)")
            return
        }
        #expect(deleted == [0, 1, 3])
        #expect(!deleted.coversAll(of: 3))
    }
}
