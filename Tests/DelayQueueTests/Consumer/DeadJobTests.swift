import Beanstalk
import PipelinedTransport
import Testing

@testable import DelayQueue

/// Orders of events that could cost a dead job its last copy, or leave one that nobody wants.
@Suite("Consumer decisions about dead jobs")
struct DeadJobTests {
    private let key: LedgerKey

    init() throws {
        key = LedgerKey(queue: .default, id: try JobID("a"))
    }

    private func isDelete(_ kind: NodeCall.Kind) -> Bool {
        if case .delete = kind { true } else { false }
    }

    /// With a copy on each of the first nodes, delivered.
    private func withDeliveredJob(nodes: Int) throws -> (CoreWorld, HeldJobID) {
        let world = try CoreWorld()
        for node in 0..<nodes {
            world.answer(node: node, reserved: [(1, try CoreWorld.record("a", due: .zero, copy: node))])
        }
        world.answerLedger()
        return (world, try #require(world.delivered.first?.id))
    }

    /// Of which the given copy is the buried one.
    private func declareDead(_ world: CoreWorld, copy: Int) throws {
        let owner = try ClaimOwner("other")
        world.records[key] = nil
        _ = world.perform(.claim(owner, copy: nil), on: key)
        #expect(world.perform(.bury(owner, attempt: 1, copy: .index(copy), kicks: 0), on: key) == .settled)
    }

    @Test(arguments: [BeanstalkReply.touched, .notFound])
    func `a copy left over is deleted once its node has said that it is ours`(_ answer: BeanstalkReply) throws {
        let world = try CoreWorld()
        try declareDead(world, copy: 0)
        world.answer(node: 1, reserved: [(5, try CoreWorld.record("a", due: .zero, copy: 1))])
        world.answerLedger()
        world.answer(node: 1) { if case .touch = $0 { answer } else { nil } }
        #expect(world.sent[1] == [.touch(BeanstalkJobID(5))])
        world.answer(node: 1)
        // A node deletes a copy that nobody holds, and a buried one, for anybody.
        #expect(world.sent[1].contains { isDelete($0) } == (answer == .touched))
        #expect(world.core.jobs.isEmpty)
        #expect(world.heldCopies == 0)
    }

    @Test func `a node's word that is old by the time it comes deletes nothing`() throws {
        let world = try CoreWorld()
        try declareDead(world, copy: 0)
        world.answer(node: 1, reserved: [(5, try CoreWorld.record("a", due: .zero, copy: 1))])
        world.answerLedger()
        world.answer(node: 1, after: .seconds(20))
        #expect(!world.allSent.contains { isDelete($0) })
        world.answer(node: 1)
        world.answer(node: 1)
        #expect(
            world.sent[1] == [
                .touch(BeanstalkJobID(5)), .touch(BeanstalkJobID(5)), .delete(BeanstalkJobID(5), index: 1),
            ])
    }

    @Test func `the other copies are deleted once theirs is buried and they are known to be ours`() throws {
        let (world, id) = try withDeliveredJob(nodes: 3)
        world.settle(id, .bury(reason: "x"))
        world.answer(node: 0)
        world.answerLedger()
        world.answer(node: 0)
        #expect(world.sent[0].last == .bury(BeanstalkJobID(1), priority: 7))
        for node in 1...2 {
            world.answer(node: node) { kind in
                if node == 1, case .touch = kind { .notFound } else { nil }
            }
            world.answer(node: node)
        }
        #expect(world.sent[1] == [.touch(BeanstalkJobID(1))])
        #expect(world.sent[2] == [.touch(BeanstalkJobID(1)), .delete(BeanstalkJobID(1), index: 2)])
        #expect(world.core.jobs.isEmpty)
        #expect(world.heldCopies == 0)
    }

    @Test func `only a copy that is ours is named`() throws {
        let (world, id) = try withDeliveredJob(nodes: 2)
        world.settle(id, .bury(reason: "x"))
        // Somebody else has it, and will delete it as a leftover. Statistics are told to anybody.
        world.answer(node: 0) { if case .touch = $0 { .notFound } else { nil } }
        world.answer(node: 1)
        world.answerLedger()
        guard case .dead(_, _, let copy, _) = world.records[key] else {
            Issue.record("the job is not dead")
            return
        }
        #expect(copy == .index(1))
        #expect(world.settled.map(\.error) == [nil])
    }

    @Test(arguments: [false, true])
    func `what the ledger says of a reservation is not applied to the next`(isNamed: Bool) throws {
        let world = try CoreWorld()
        try declareDead(world, copy: isNamed ? 1 : 0)
        let record = try CoreWorld.record("a", due: .zero, copy: 1)
        world.answer(node: 1, reserved: [(5, record)])
        let calls = world.takeLedgerCalls()
        var replies = calls.map {
            Result<LedgerReply, DelayQueueError>.success(world.perform($0.operation, on: $0.key))
        }
        if isNamed { replies = replies.map { _ in .success(.buryAgain) } }
        // Meanwhile the reservation ends, and the copy is reserved again.
        world.lose(node: 1)
        world.answer(node: 1, reserved: [(5, record)])
        world.core.ledgerAnswered(calls, replies, sentAt: world.now, now: world.now)
        #expect(world.core.ledgerCalls.count == 1, "it is asked again")
        world.answer(node: 1)
        #expect(world.sent[1].isEmpty)
    }

    @Test func `a left-over copy that was reserved anew asks anew`() throws {
        let world = try CoreWorld()
        try declareDead(world, copy: 0)
        let record = try CoreWorld.record("a", due: .zero, copy: 1)
        world.answer(node: 1, reserved: [(5, record)])
        // A reserve is under way when the ledger answers, and brings the same copy: its reservation had run out.
        let next = world.nextBatch(for: 1)
        let batch = try #require(next)
        world.answerLedger()
        world.core.answered(
            batch, node: 1, replies: [.reserved(BeanstalkJobID(5), record)], isLost: false,
            generation: ConnectionGeneration(1), sentAt: world.now, now: world.now)
        world.answer(node: 1)
        #expect(world.sent[1] == [.touch(BeanstalkJobID(5))])
        #expect(world.core.ledgerCalls.count == 1)
        world.answerLedger()
        world.answer(node: 1)
        world.answer(node: 1)
        #expect(world.sent[1].last == .delete(BeanstalkJobID(5), index: 1))
        #expect(world.core.jobs.isEmpty)
    }

    @Test func `a left-over copy is deleted also where the application wants no more`() throws {
        let world = try CoreWorld()
        try declareDead(world, copy: 0)
        world.answer(node: 1, reserved: [(5, try CoreWorld.record("a", due: .zero, copy: 1))])
        world.core.setDemand(0, now: world.now)
        world.answerLedger()
        world.answer(node: 1)
        world.answer(node: 1)
        #expect(world.sent[1] == [.touch(BeanstalkJobID(5)), .delete(BeanstalkJobID(5), index: 1)])
        #expect(world.core.jobs.isEmpty)
    }

    @Test func `an answer to the first request to bury is not taken for one about another copy`() throws {
        let (world, id) = try withDeliveredJob(nodes: 2)
        world.settle(id, .bury(reason: "x"))
        world.answer(node: 0)
        let first = world.takeLedgerCalls()
        let settled = first.map {
            Result<LedgerReply, DelayQueueError>.success(world.perform($0.operation, on: $0.key))
        }
        world.core.ledgerAnswered(first, settled, sentAt: world.now, now: world.now)
        world.lose(node: 0)
        world.answer(node: 1)
        // The rename is under way when a repeat of the first request is answered.
        #expect(world.core.ledgerCalls.count == 1)
        world.core.ledgerAnswered(first, settled, sentAt: world.now, now: world.now)
        world.answer(node: 1)
        #expect(!world.sent[1].contains(.bury(BeanstalkJobID(1), priority: 7)))
        world.answerLedger()
        world.answer(node: 1)
        #expect(world.sent[1].last == .bury(BeanstalkJobID(1), priority: 7))
        #expect(world.settled.map(\.error) == [nil], "the application is told once")
    }

    @Test func `a copy named before is not named again`() throws {
        let (world, id) = try withDeliveredJob(nodes: 2)
        world.settle(id, .bury(reason: "x"))
        world.answer(node: 0)
        world.answerLedger()
        world.lose(node: 0)
        world.answer(node: 1)
        // Named instead; then that node goes too, and the first comes back.
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero, copy: 0))])
        world.answerLedger()
        world.lose(node: 1)
        let kicks = world.sent[0].count
        world.answer(node: 0)
        #expect(!world.sent[0].dropFirst(kicks).contains { if case .bury = $0 { true } else { false } })
        #expect(!world.core.ledgerCalls.contains { if case .bury = $0.operation { true } else { false } })
        // It asks for itself: another copy is the one that stays.
        world.advance(by: .seconds(1))
        world.tick()
        world.answerLedger()
        for _ in 0..<2 { world.answer(node: 0) }
        #expect(world.sent[0].last == .delete(BeanstalkJobID(1), index: 0))
        #expect(world.core.jobs.isEmpty)
        #expect(world.settled.map(\.error) == [nil])
        #expect(world.leasesLost.isEmpty)
    }

    @Test func `no other copy is named once somebody asked, and the first is buried again`() throws {
        let (world, id) = try withDeliveredJob(nodes: 2)
        world.settle(id, .bury(reason: "x"))
        world.answer(node: 0)
        world.answerLedger()
        world.lose(node: 0)
        world.answer(node: 1)
        // Somebody with the third copy learns that the job is dead, before another copy is named.
        #expect(world.perform(.claim(try ClaimOwner("other"), copy: .index(2)), on: key) == .finished(.dead))
        world.answerLedger()
        guard case .dead(_, _, let copy, _) = world.records[key] else {
            Issue.record("the job is not dead")
            return
        }
        #expect(copy == .index(0))
        // The first copy is back in its queue, and is buried again.
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero, copy: 0))])
        world.advance(by: .seconds(1))
        world.tick()
        for _ in 0..<4 {
            world.answerLedger()
            world.answerAll()
        }
        #expect(world.sent[0].last == .bury(BeanstalkJobID(1), priority: 7))
        #expect(world.sent[1].last == .delete(BeanstalkJobID(1), index: 1))
        #expect(world.core.jobs.isEmpty)
        #expect(world.settled.map(\.error) == [nil])
        #expect(world.leasesLost.isEmpty)
    }
}
