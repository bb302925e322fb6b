import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

@Suite("Consumer decisions about leads and standbys")
struct StandbyTests {
    static func name(_ index: Int, on node: Int, _ id: UInt64) -> CopyName {
        CopyName(index: index, server: CoreWorld.server(node), id: BeanstalkJobID(id))
    }

    /// Copy 0 is the lead, copies 1 and 2 stand by on the nodes of these numbers, as 11 and 12.
    static let lead = CopyRole.lead(on: CoreWorld.server(0), naming: [name(1, on: 1, 11), name(2, on: 2, 12)])

    static func isDelete(_ kind: NodeCall.Kind) -> Bool { if case .delete = kind { true } else { false } }

    /// A world that holds, and has claimed, job a by its lead on node 0.
    static func running(due: Duration = .zero) throws -> CoreWorld {
        let world = try CoreWorld()
        world.connectSideLinks()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: due, role: lead))])
        world.answerLedger()
        return world
    }

    @Test func `once the job is done its standbys are deleted by name, and all are forgotten together`() throws {
        let world = try Self.running()
        #expect(world.allSent.filter(Self.isDelete).isEmpty, "nothing is deleted before the job is done")
        world.settle(world.delivered[0].id, .complete)
        #expect((0..<6).flatMap { world.calls(on: $0) }.filter(Self.isDelete).isEmpty)
        world.answerLedger()
        #expect(world.calls(on: 0) == [.delete(BeanstalkJobID(1), index: 0)])
        #expect(world.calls(on: 4) == [.delete(BeanstalkJobID(11), index: 1)])
        #expect(world.calls(on: 5) == [.delete(BeanstalkJobID(12), index: 2)])
        for link in [0, 4] { world.answer(node: link) }
        #expect(!world.hasLedgerCalls)
        world.answer(node: 5)
        #expect(world.takeLedgerCalls().map(\.operation) == [.forget([0, 1, 2], of: 3)])
    }

    @Test func `a standby that was not found counts as left, and is deleted when it comes`() throws {
        let world = try Self.running()
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        world.answer(node: 0)
        world.answer(node: 4) { _ in .notFound }
        world.answer(node: 5)
        #expect(world.takeLedgerCalls().map(\.operation) == [.forget([0, 2], of: 3)])
        world.answer(
            node: 1, reserved: [(11, try CoreWorld.record("a", due: .zero, copy: 1, role: .standby(leadOn: nil)))])
        #expect(!world.hasLedgerCalls, "the ledger has said all it can")
        world.answer(node: 1)
        #expect(world.takeLedgerCalls().map(\.operation) == [.forget([0, 1, 2], of: 3)])
    }

    @Test func `a name of another server process is not used`() throws {
        let world = try CoreWorld()
        world.connectSideLinks()
        let stranger = CopyName(index: 1, server: ServerID(7), id: BeanstalkJobID(11))
        world.answer(
            node: 0,
            reserved: [
                (
                    1,
                    try CoreWorld.record(
                        "a", due: .zero, role: .lead(on: nil, naming: [stranger, Self.name(2, on: 2, 12)]))
                )
            ])
        world.answerLedger()
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        for link in 0..<6 where link != 0 { #expect(world.calls(on: link).count == (link == 5 ? 1 : 0)) }
        for link in [0, 5] { world.answer(node: link) }
        world.passFinishedHorizon()
        #expect(world.takeLedgerCalls().map(\.operation) == [.forget([0, 2], of: 3)])
    }

    @Test func `a delete by name is bound to the connection whose server is known`() throws {
        let world = try Self.running()
        // Others went a moment ago.
        for link in [4, 5] { world.core.links[link].namedDeletesLeftAt = world.now.uptime }
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        #expect(world.nextBatch(for: 4) == nil, "others may come to go with it")
        world.advance(by: Link.intervalOfNamedDeletes)
        world.tick()
        #expect(world.nextBatch(for: 4)?.generation?.number == 1)
        world.fail(link: 5)
        #expect(world.core.links[5].generation == nil)
        let next = world.nextBatch(for: 5)
        #expect(
            next?.calls.map(\.kind) == [.probe] && next?.generation == nil, "who is at the other end is asked first")
    }

    @Test(arguments: [
        Settlement.giveBack(after: .zero), .retry(after: .seconds(60)), .retry(after: .zero), .bury(reason: "bad"),
    ])
    func `nothing is deleted of a job that may run again`(settlement: Settlement) throws {
        let world = try Self.running()
        world.settle(world.delivered[0].id, settlement)
        world.answerLedger()
        world.answerAll()
        #expect((0..<6).flatMap { world.calls(on: $0) + world.sent[$0] }.filter(Self.isDelete).isEmpty)
    }

    @Test func `a standby that fires while its job runs here shares the job's fate`() throws {
        let world = try Self.running()
        world.answer(
            node: 1, reserved: [(11, try CoreWorld.record("a", due: .zero, copy: 1, role: .standby(leadOn: nil)))])
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        #expect(world.calls(on: 1) == [.delete(BeanstalkJobID(11), index: 1)], "by its reservation")
        #expect(world.calls(on: 4).isEmpty)
        #expect(world.calls(on: 5) == [.delete(BeanstalkJobID(12), index: 2)])
    }

    @Test func `a standby whose job waits goes back until its lead has had its chance`() throws {
        let world = try CoreWorld()
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        let owner = ClaimOwner(unchecked: "other")
        _ = world.perform(.claim(owner), on: key)
        _ = world.perform(.retry(owner, attempt: 1, delay: .seconds(60)), on: key)
        world.answer(
            node: 1, reserved: [(11, try CoreWorld.record("a", due: .zero, copy: 1, role: .standby(leadOn: nil)))])
        world.answerLedger()
        #expect(
            world.calls(on: 1) == [.release(BeanstalkJobID(11), priority: DuePriority.ofStandby(7), delay: 61)],
            "59 whole seconds to the job's next time, and two more")
    }

    @Test func `given back together, the standby comes after the lead`() throws {
        let world = try Self.running()
        world.answer(
            node: 1, reserved: [(11, try CoreWorld.record("a", due: .zero, copy: 1, role: .standby(leadOn: nil)))])
        world.settle(world.delivered[0].id, .retry(after: .seconds(60)))
        world.answerLedger()
        #expect(world.calls(on: 0) == [.release(BeanstalkJobID(1), priority: 7, delay: 59)])
        #expect(
            world.calls(on: 1) == [.release(BeanstalkJobID(11), priority: DuePriority.ofStandby(7), delay: 61)])
    }

    @Test func `a held lead lost with its node is replaced by one of its standbys`() throws {
        let world = try CoreWorld()
        world.connectSideLinks()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .seconds(1), role: Self.lead))])
        world.lose(node: 0)
        // Which one is first depends on the job's number.
        #expect(world.calls(on: 5) == [.fetch(BeanstalkJobID(12))])
        world.answer(node: 5) { _ in .notFound }
        #expect(world.calls(on: 4) == [.fetch(BeanstalkJobID(11))], "somebody has the first one")
        let standby = try CoreWorld.record("a", due: .seconds(1), copy: 1, role: .standby(leadOn: CoreWorld.server(0)))
        world.answer(node: 4) { _ in .reserved(BeanstalkJobID(11), standby) }
        #expect(world.heldCopies == 1)
        world.advance(by: .seconds(1))
        world.tick()
        world.answerLedger()
        #expect(world.delivered.count == 1)
        world.settle(world.delivered[0].id, .complete)
        world.answerLedger()
        #expect(world.calls(on: 4) == [.delete(BeanstalkJobID(11), index: 1)], "on the connection that reserved it")
        #expect(world.calls(on: 1).isEmpty)
    }

    @Test func `a lost lead whose standbys cannot be had is let go of`() throws {
        let world = try CoreWorld()
        world.connectSideLinks()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .seconds(1), role: Self.lead))])
        world.lose(node: 0)
        world.lose(node: 4)
        world.answer(node: 5) { _ in .notFound }
        #expect(world.core.jobs.isEmpty)
    }

    @Test func `a fetched standby that is lost with the side link goes back on its own link only`() throws {
        let world = try CoreWorld()
        world.connectSideLinks()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .seconds(1), role: Self.lead))])
        world.lose(node: 0)
        let standby = try CoreWorld.record("a", due: .seconds(1), copy: 2, role: .standby(leadOn: CoreWorld.server(0)))
        world.answer(node: 5) { _ in .reserved(BeanstalkJobID(12), standby) }
        world.core.drain(now: world.now)
        #expect(world.calls(on: 5).count == 1 && world.calls(on: 2).isEmpty)
    }

    @Test func `a job without a copy is let go of when no standby comes, whatever the ledger does meanwhile`() throws {
        let world = try CoreWorld()
        world.connectSideLinks()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .seconds(1), role: Self.lead))])
        world.answer(node: 2, reserved: [(9, try CoreWorld.record("b", due: .zero))])
        world.isLedgerAway = true
        world.answerLedger()
        world.lose(node: 0)
        world.advance(by: .seconds(1))
        world.tick()
        for link in [5, 4] { world.answer(node: link) { if case .fetch = $0 { .notFound } else { nil } } }
        #expect(world.core.jobs.values.map(\.id.description) == ["b"])
    }

    @Test func `a lead lost while its claim is under way is replaced where the ledger does not answer`() throws {
        let world = try CoreWorld()
        world.connectSideLinks()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero, role: Self.lead))])
        world.lose(node: 0)
        world.isLedgerAway = true
        world.answerLedger()
        #expect(world.calls(on: 5) == [.fetch(BeanstalkJobID(12))])
    }

    @Test func `a job granted when its lead was lost is given back, and claimed again by a standby`() throws {
        let world = try CoreWorld()
        world.connectSideLinks()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero, role: Self.lead))])
        world.lose(node: 0)
        world.answerLedger()
        world.answerLedger()
        #expect(world.calls(on: 5) == [.fetch(BeanstalkJobID(12))])
        let standby = try CoreWorld.record("a", due: .zero, copy: 2, role: .standby(leadOn: CoreWorld.server(0)))
        world.answer(node: 5) { if case .fetch = $0 { .reserved(BeanstalkJobID(12), standby) } else { nil } }
        world.answerLedger()
        #expect(world.delivered.count == 1)
    }

    @Test func `at most once, standbys are deleted by name too, and nothing before the completion is confirmed`() throws
    {
        let world = try CoreWorld { $0.isAtMostOnce = true }
        world.connectSideLinks()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero, role: Self.lead))])
        world.answerLedger()
        #expect((0..<6).flatMap { world.calls(on: $0) }.filter(Self.isDelete).isEmpty && world.delivered.isEmpty)
        world.answerLedger()
        #expect(world.delivered.count == 1)
        #expect((0..<6).flatMap { world.calls(on: $0) }.filter(Self.isDelete).count == 3)
    }

    @Test func `when a lead joins standbys that waited for longer, its time counts`() throws {
        let world = try CoreWorld()
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        let owner = ClaimOwner(unchecked: "other")
        _ = world.perform(.claim(owner), on: key)
        _ = world.perform(.retry(owner, attempt: 1, delay: .milliseconds(100)), on: key)
        world.answer(
            node: 1, reserved: [(11, try CoreWorld.record("a", due: .zero, copy: 1, role: .standby(leadOn: nil)))])
        world.answerLedger()
        world.answer(node: 0, reserved: [(1, try CoreWorld.record("a", due: .zero, role: Self.lead))])
        world.advance(by: .milliseconds(100))
        world.tick()
        world.answerLedger()
        #expect(world.delivered.count == 1)
    }
}
