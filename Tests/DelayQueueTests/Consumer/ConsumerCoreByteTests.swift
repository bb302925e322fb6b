import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

/// How much is asked for and held, in bytes.
@Suite("Consumer decisions about bytes")
struct ConsumerCoreByteTests {
    /// Two nodes with a share of 10,000 bytes each, and records of 4,000 bytes at most.
    private func world(demand: Int = 100) throws -> CoreWorld {
        try CoreWorld(nodes: 2, demand: demand) {
            $0.maximumRecordSize = 4_000
            $0.maximumHeldBytes = 20_000
            $0.batchBytes = 5_000
        }
    }

    private func record(_ id: String, size: Int, due: Duration = .seconds(1)) throws -> ByteBuffer {
        var bytes = try CoreWorld.record(id, due: due, copies: 1)
        bytes.writeRepeatingByte(UInt8(ascii: "x"), count: size - bytes.readableBytes)
        return bytes
    }

    @Test func `a node whose share is full is asked for nothing, the others as before`() throws {
        let world = try world()
        for number in 1...3 {
            world.answer(node: 0, reserved: [(UInt64(number), try record("a\(number)", size: 3_500))])
        }
        #expect(world.core.heldBytes(of: 0) == 10_500)
        #expect(!world.hasWork(for: 0))
        #expect(world.nextBatch(for: 1)?.reserves == 1)
        #expect(world.warnings == [.shareIsFull])
    }

    @Test func `bytes are free once their job has ended, and the node is asked again`() throws {
        let world = try world()
        for number in 1...3 {
            world.answer(node: 0, reserved: [(UInt64(number), try record("a\(number)", size: 3_500, due: .zero))])
        }
        world.answerLedger()
        #expect(world.jobsInHand == 3 && world.core.heldBytes(of: 0) == 10_500, "those that run count")
        world.settle(try #require(world.delivered.first?.id), .complete)
        #expect(!world.hasWork(for: 0))
        world.answerLedger()
        #expect(world.core.heldBytes(of: 0) == 7_000)
        world.answer(node: 0)
        #expect(world.nextBatch(for: 0)?.reserves == 1)
        #expect(world.warnings == [.shareIsFull])
    }

    @Test func `the nearer the share, the fewer are asked for, and one in the end`() throws {
        let world = try world()
        world.answer(node: 0, reserved: [(1, try record("a", size: 500)), (2, try record("b", size: 1_000))])
        // Of the size of the largest of them five are within what one batch may bring.
        world.core.links[0].isDry = false
        world.core.links[0].burst = 128
        #expect(world.nextBatch(for: 0)?.reserves == 5)
        world.answer(
            node: 0,
            reserved: [
                (3, try record("c", size: 4_000)), (4, try record("d", size: 900)), (5, try record("e", size: 200)),
            ])
        world.core.links[0].isDry = false
        world.core.links[0].burst = 128
        let last = world.nextBatch(for: 0)
        #expect(world.core.heldBytes(of: 0) > 6_000)
        #expect(last?.reserves == 1)
        #expect(last?.allowance == 4_000, "one of the largest is taken, however little room there is")
    }

    @Test func `what was not read goes back at once with its own priority, and is not told of`() throws {
        let world = try world()
        world.feed(node: 0, [.reservedUnread(BeanstalkJobID(7), size: 3_000)])
        world.answer(node: 0)
        world.answer(node: 0)
        let id = BeanstalkJobID(7)
        #expect(world.sent[0] == [.inspectAside(id), .release(id, priority: 9, delay: 0)])
        #expect(world.core.links[0].aside.isEmpty)
        #expect(world.oversized.isEmpty)
        #expect(world.core.links[0].recordSize == 3_000, "so that the next batch is smaller")
    }

    @Test func `a record larger than is read is buried and told of`() throws {
        let world = try world()
        world.feed(node: 0, [.reservedUnread(BeanstalkJobID(7), size: 20_000_000)])
        world.answer(node: 0)
        world.answer(node: 0)
        #expect(world.sent[0] == [.inspectAside(BeanstalkJobID(7)), .buryAside(BeanstalkJobID(7), priority: 9)])
        #expect(world.core.links[0].aside.isEmpty)
        #expect(world.oversized == [20_000_000])
        #expect(!world.hasLedgerCalls)
    }

    @Test func `copies that are fetched come a few at a time where they are large`() throws {
        let world = try world()
        world.connectSideLinks()
        let side = world.side(of: 0)
        world.core.links[side].recordSize = 2_500
        for id in 1...5 { world.core.send(.fetch(BeanstalkJobID(UInt64(id))), to: side, for: nil) }
        #expect(world.nextBatch(for: side)?.calls.count == 2)
        #expect(world.calls(on: side).count == 3, "the rest waits")
    }

    @Test func `no more is asked for in texts than one batch may bring`() throws {
        let world = try world()
        for id in 1...200 { world.core.send(.inspectAside(BeanstalkJobID(UInt64(id))), to: 0, for: nil) }
        #expect(world.nextBatch(for: 0)?.calls.count == Link.fullBatch)
        #expect(world.calls(on: 0).count == 200 - Link.fullBatch)
    }
}
