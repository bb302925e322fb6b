import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

@Suite("Consumer decisions about several copies")
struct ConsumerCoreCopyTests {
    @Test func `copies on all nodes make one claim, one run, three deletes and one forget`() throws {
        let world = try CoreWorld()
        for node in 0..<3 {
            world.answer(node: node, reserved: [(UInt64(node + 1), try CoreWorld.record("a", due: .zero, copy: node))])
        }
        #expect(world.core.ledgerCalls.count == 1)
        world.answerLedger()
        #expect(world.delivered.count == 1)
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        #expect(world.settled.map(\.settlement) == [.complete])
        world.answerAll()
        #expect(world.allSent.filter { if case .delete = $0 { true } else { false } }.count == 3)
        let forget = world.core.ledgerCalls
        #expect(forget.map(\.operation) == [.forget([0, 1, 2], of: 3)])
        #expect(world.core.jobs.isEmpty)
    }

    @Test func `only a confirmed delete is told to the ledger`() throws {
        let world = try CoreWorld()
        for node in 0..<2 {
            world.answer(node: node, reserved: [(UInt64(node + 1), try CoreWorld.record("a", due: .zero, copy: node))])
        }
        world.answerLedger()
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        world.answer(node: 0) { if case .delete = $0 { .notFound } else { nil } }
        #expect(!world.hasLedgerCalls, "the other delete is under way")
        world.answer(node: 1)
        world.passFinishedHorizon()
        #expect(world.core.ledgerCalls.map(\.operation) == [.forget([1], of: 3)])
    }

    @Test func `a copy that comes soon after its job is done is deleted without asking`() throws {
        // A brisk pace, at which the ledger is told of all copies at once.
        let world = try CoreWorld { $0.briskSteps = 1 }
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero, copy: 0))])
        world.answerLedger()
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        world.answer(node: 0)
        for node in 1...2 {
            #expect(!world.hasLedgerCalls, "its other copies are still to come")
            world.answer(node: node, reserved: [(7, try CoreWorld.record("a", due: .zero, copy: node))])
            #expect(!world.hasLedgerCalls, "the ledger has said all it can")
            world.answer(node: node)
            #expect(world.sent[node] == [.delete(BeanstalkJobID(7), index: node)])
        }
        world.core.sendForgets()
        #expect(world.core.ledgerCalls.map(\.operation) == [.forget([0, 1, 2], of: 3)])
        #expect(world.delivered.count == 1)
        world.answerLedger()
        world.core.drain(now: world.now)
        #expect(world.isIdle)
    }

    @Test func `draining waits for no further copies`() throws {
        let world = try CoreWorld()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero, copy: 0))])
        world.answerLedger()
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        world.core.drain(now: world.now)
        #expect(!world.isIdle, "the delete is to be confirmed")
        world.answer(node: 0)
        #expect(world.core.ledgerCalls.map(\.operation) == [.forget([0], of: 3)])
        world.answerLedger()
        #expect(world.isIdle)
    }

    @Test func `the copy of a finished job is deleted unrun`() throws {
        let world = try CoreWorld()
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        let owner = try ClaimOwner("other")
        let reply1 = world.perform(.claim(owner), on: key)
        #expect(reply1 == .granted(attempt: 1, failures: 0))
        let reply2 = world.perform(.complete(owner, attempt: 1, copies: 3), on: key)
        #expect(reply2 == .settled)
        world.answer(node: 1, reserved: [(9, try CoreWorld.record("a", due: .zero, copy: 1))])
        world.answerLedger()
        world.answer(node: 1)
        #expect(world.delivered.isEmpty)
        #expect(world.sent[1] == [.delete(BeanstalkJobID(9), index: 1)])
        world.passFinishedHorizon()
        #expect(world.core.ledgerCalls.map(\.operation) == [.forget([1], of: 3)])
    }
}
