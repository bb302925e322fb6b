import Beanstalk
import Foundation
import NIOCore
import Testing

@testable import DelayQueue

/// Decisions about copies that are not what they say.
@Suite("Consumer decisions about sealed jobs")
struct ConsumerCoreSealTests {
    private func world(unsealed: UnsealedJobPolicy = .refuse) throws -> CoreWorld {
        try CoreWorld(seals: SealPolicy(keyRing: try SealedJob.ring(), unsealedJobs: unsealed))
    }

    private func sealed(_ id: String = "a", due: Duration = .zero, copy: Int = 0, key byte: UInt8 = 1) throws
        -> ByteBuffer
    {
        try SealedJob.record(
            id, fireTime: CoreWorld.start + due, body: "body of \(id)", copy: copy, ring: try SealedJob.ring("k1", byte)
        )
    }

    /// The node is asked for the priority, then buries.
    private func bury(on node: Int, in world: CoreWorld) {
        world.answer(node: node)
        world.answer(node: node)
    }

    @Test func `a sealed job is opened, claimed and delivered with what was scheduled`() throws {
        let world = try world()
        world.answer(node: 0, reserved: [(1, try sealed())])
        world.answerLedger()
        #expect(world.delivered.count == 1)
        guard case .deliver(_, let held, _, _)? = world.effects.last else {
            Issue.record("no delivery")
            return
        }
        #expect(held.id.description == "a")
        #expect(held.record.body == ByteBuffer(string: "body of a"))
        #expect(held.record.headers["x-tenant"] == "blue")
    }

    @Test func `a forged copy asks the ledger nothing, and is buried and counted, not deleted`() throws {
        for (record, problem) in [
            (try sealed(key: 9), SealProblem.wrongSeal), (try CoreWorld.record("a", due: .zero), .notSealed),
            (ByteBuffer(string: "1800000000000000000/go"), .notSealed), (ByteBuffer(string: "hello"), .notSealed),
            (try SealedJob.record(ring: try SealedJob.ring("k9")), .unknownKey(id: "k9")),
        ] {
            let world = try world()
            world.answer(node: 0, reserved: [(5, record)])
            #expect(!world.hasLedgerCalls)
            #expect(world.core.jobs.isEmpty)
            bury(on: 0, in: world)
            #expect(
                world.sent[0] == [.inspectAside(BeanstalkJobID(5)), .buryAside(BeanstalkJobID(5), priority: 9)])
            #expect(world.unverified == [problem])
            #expect(world.foreignCount == 0)
            #expect(world.core.links[0].aside.isEmpty)
        }
    }

    @Test func `a sealed job where there are no keys is buried, not run`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(5, try sealed())])
        bury(on: 0, in: world)
        #expect(world.unverified == [.noKeys])
        #expect(world.delivered.isEmpty)
    }

    @Test func `a forged copy does not attach to the job it pretends to be`() throws {
        let world = try world()
        world.answer(node: 0, reserved: [(1, try sealed(due: .seconds(1), copy: 0))])
        // Says that it is due, that it is the other copies, and that there are no others.
        let real = String(buffer: try SealedJob.record(ring: try SealedJob.ring(mode: .sign)))
        for (number, forged) in [
            try CoreWorld.record("a", due: .zero, copy: 1), try sealed(due: .zero, copy: 2, key: 9),
            ByteBuffer(string: real.replacingOccurrences(of: " 0/3 ", with: " 0/1 ")),
        ].enumerated() {
            world.answer(node: 1, reserved: [(UInt64(10 + number), forged)])
        }
        bury(on: 1, in: world)
        #expect(world.unverified.count == 3)
        #expect(world.core.jobs.values.map(\.copies.count) == [1])
        #expect(world.delivered.isEmpty, "not early")
        world.advance(by: .seconds(1))
        world.tick()
        world.answerLedger()
        let id = try #require(world.delivered.first?.id)
        world.settle(id, .complete)
        world.answerLedger()
        world.answerAll()
        world.passFinishedHorizon()
        world.answerLedger()
        #expect(world.delivered.count == 1)
        let deletes = world.allSent.filter { if case .delete = $0 { true } else { false } }
        #expect(deletes == [.delete(BeanstalkJobID(1), index: 0)], "the real copy only")
        let record = world.records[LedgerKey(queue: .default, id: try JobID("a"))]
        guard case .done(_, let deleted)? = record else {
            Issue.record("\(String(describing: record))")
            return
        }
        #expect(deleted == [0], "the forged indexes are not known deleted")
    }

    @Test func `real copies of one job meet, whatever forged ones came between`() throws {
        let world = try world()
        world.answer(node: 0, reserved: [(1, try sealed(copy: 0))])
        world.answer(node: 1, reserved: [(1, try sealed(copy: 1, key: 9)), (2, try sealed(copy: 1))])
        world.answerLedger()
        #expect(world.delivered.count == 1)
        #expect(world.core.jobs.values.map(\.copies.count) == [2])
    }

    @Test func `a copy put again while its job is known is deleted unrun`() throws {
        let world = try world()
        let copy = try sealed()
        world.answer(node: 0, reserved: [(1, copy)])
        world.answerLedger()
        world.settle(try #require(world.delivered.first?.id), .complete)
        world.answerLedger()
        world.answerAll()
        world.answerLedger()
        world.answer(node: 1, reserved: [(7, copy)])
        world.answerLedger()
        world.answerAll()
        #expect(world.delivered.count == 1)
        #expect(world.sent[1] == [.delete(BeanstalkJobID(7), index: 0)])
    }

    @Test func `a connection that ends forgets what it was about to bury`() throws {
        let world = try world()
        world.answer(node: 0, reserved: [(5, ByteBuffer(string: "hello"))])
        world.lose(node: 0)
        #expect(world.core.links[0].aside.isEmpty)
        #expect(world.isIdle)
        #expect(world.unverified.isEmpty, "it was not buried, and is counted when it is")
    }

    @Test func `a copy whose priority the node does not tell is forgotten`() throws {
        let world = try world()
        world.answer(node: 0, reserved: [(5, ByteBuffer(string: "hello"))])
        world.answer(node: 0) { _ in .notFound }
        #expect(world.core.links[0].aside.isEmpty)
        #expect(world.isIdle)
    }

    @Test func `unsealed jobs run where they are accepted, and foreign ones stay foreign`() throws {
        let world = try world(unsealed: .accept)
        world.answer(
            node: 0,
            reserved: [
                (1, try CoreWorld.record("plain", due: .zero)), (2, try sealed("sealed")),
                (3, ByteBuffer(string: "hello")), (4, try sealed("forged", key: 9)),
            ])
        world.answerLedger()
        bury(on: 0, in: world)
        #expect(world.delivered.count == 2)
        #expect(world.foreignCount == 1)
        #expect(world.unverified == [.wrongSeal])
    }
}
