import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

@Suite("Bringing standbys forward while a node is in doubt")
struct BringingForwardTests {
    static func statistics(_ id: UInt64, tube: String = "default.standby", left: Int) -> BeanstalkReply {
        .ok(
            ByteBuffer(
                string: "---\nid: \(id)\ntube: \(tube)\nstate: delayed\npri: 1\nage: 1\ndelay: 9\nttr: 30\ntime-left: "
                    + "\(left)\nfile: 0\nreserves: 0\ntimeouts: 0\nreleases: 0\nburies: 0\nkicks: 0\n"))
    }

    static func standby(_ id: String, due: Duration) throws -> ByteBuffer {
        try CoreWorld.record(id, due: due, copy: 1, role: .standby(leadOn: CoreWorld.server(0)))
    }

    /// All links are connected, then the main link to node 0 is lost.
    static func withoutNode0() throws -> CoreWorld {
        let world = try CoreWorld()
        world.connectSideLinks()
        world.fail(link: 0)
        return world
    }

    @Test func `while all nodes are well nothing is sent for it`() throws {
        let world = try CoreWorld()
        world.connectSideLinks()
        world.advance(by: .seconds(1))
        world.tick()
        #expect((3..<6).allSatisfy { world.nextBatch(for: $0) == nil })
        #expect(world.timeUntilTick == nil)
    }

    @Test func `the next standby is looked at, and reserved where it is due soon`() throws {
        let world = try Self.withoutNode0()
        let record = try Self.standby("a", due: .seconds(1))
        #expect(world.nextBatch(for: 3)?.calls.map(\.kind) == nil, "not on the node that is away")
        #expect(world.hasWork(for: 4))
        world.answer(node: 4) { _ in .found(BeanstalkJobID(11), record) }
        #expect(world.sent[4].last == .peekNext)
        #expect(world.calls(on: 4) == [.fetch(BeanstalkJobID(11)), .lookAhead(BeanstalkJobID(12))])
        world.answer(node: 4) { if case .fetch = $0 { .reserved(BeanstalkJobID(11), record) } else { nil } }
        #expect(
            world.sent[4].contains(.fetch(BeanstalkJobID(11))) && world.sent[4].last == .peekNext,
            "and the one behind it")
        #expect(world.heldCopies == 1 && world.delivered.isEmpty, "it is held until its date")
        world.advance(by: .seconds(1))
        world.tick()
        world.answerLedger()
        #expect(world.delivered.count == 1)
    }

    @Test func `a standby that is due later, or waits longer than its date says, is left`() throws {
        let world = try Self.withoutNode0()
        world.answer(node: 4) { _ in .found(BeanstalkJobID(11), ByteBuffer(string: "whatever")) }
        world.answer(node: 4) { _ in Self.statistics(11, left: 3) }
        #expect(world.calls(on: 4).isEmpty)
        #expect(!world.hasWork(for: 4))
        world.advance(by: .milliseconds(100))
        world.tick()
        #expect(world.hasWork(for: 4), "looked at again a little later")
    }

    @Test func `what is another queue's, or not delayed, is left`() throws {
        let world = try Self.withoutNode0()
        world.answer(node: 4) { _ in .found(BeanstalkJobID(11), ByteBuffer(string: "whatever")) }
        world.answer(node: 4) { _ in Self.statistics(11, tube: "other.standby", left: 1) }
        #expect(world.calls(on: 4).isEmpty)
    }

    @Test func `where standbys follow each other, those with the next numbers are looked at in one go`() throws {
        let world = try Self.withoutNode0()
        let record = try Self.standby("a", due: .seconds(1))
        for id: UInt64 in [11, 14, 18] {
            world.answer(node: 4) { if case .peekNext = $0 { .found(BeanstalkJobID(id), record) } else { nil } }
            world.answer(node: 4) {
                if case .lookAhead(let id) = $0 { Self.statistics(id.rawValue, left: 1) } else { nil }
            }
            world.advance(by: .milliseconds(100))
            world.tick()
        }
        let looks = world.sent[4].compactMap { if case .lookAhead(let id) = $0 { id.rawValue } else { nil } }
        #expect(looks.count > 3 && Set(looks).count == looks.count, "nothing is looked at over and over")
    }

    @Test func `numbers far ahead of the next standby are looked at again, as they may not have been there`() throws {
        let world = try Self.withoutNode0()
        let record = try Self.standby("a", due: .seconds(1))
        world.core.links[4].seen = 500
        for id: UInt64 in [11, 12] {
            world.answer(node: 4) { if case .peekNext = $0 { .found(BeanstalkJobID(id), record) } else { nil } }
            world.answer(node: 4)
            world.advance(by: .milliseconds(100))
            world.tick()
        }
        #expect(
            world.sent[4].contains(.lookAhead(BeanstalkJobID(13)))
                || world.calls(on: 4).contains(.lookAhead(BeanstalkJobID(13))))
    }

    @Test func `no more is brought forward than is wanted`() throws {
        let world = try Self.withoutNode0()
        world.core.setDemand(0, now: world.now)
        #expect(!world.hasWork(for: 4) && world.nextBatch(for: 4) == nil)
    }

    @Test func `a node that is back is trusted`() throws {
        let world = try Self.withoutNode0()
        #expect(world.hasWork(for: 4))
        #expect(world.nextBatch(for: 0)?.calls.map(\.kind) == [.probe], "a reserve might wait for long")
        let batch = NodeBatch.probing
        world.core.answered(
            batch, link: 0, replies: [.using(.default)], isLost: false,
            generation: .init(2, serverID: CoreWorld.server(0)), sentAt: world.now, now: world.now)
        #expect(world.hasWork(for: 4), "overdue leads may lie in front of those that are due")
        world.answer(node: 0)
        #expect(!world.hasWork(for: 4), "it has no ready copy left")
    }

    @Test func `a node that leaves a probe unanswered is in doubt, until it answers`() throws {
        let world = try CoreWorld()
        world.connectSideLinks()
        world.answer(node: 1, reserved: [(11, try Self.standby("a", due: .zero))])
        world.answerLedger()
        #expect(world.delivered.count == 1, "it runs, from its standby")
        #expect(world.calls(on: 3) == [.probe], "where is its lead?")
        let probe = try #require(world.nextBatch(for: 3))
        world.advance(by: .milliseconds(249))
        world.tick()
        #expect(!world.hasWork(for: 5) && world.warnings.isEmpty)
        world.advance(by: .milliseconds(1))
        world.tick()
        #expect(world.warnings == [.nodeSilent])
        #expect(world.hasWork(for: 5))
        world.core.answered(
            probe, link: 3, replies: [.using(.default)], isLost: false,
            generation: .init(1, serverID: CoreWorld.server(0)), sentAt: world.now, now: world.now)
        #expect(world.hasWork(for: 5))
        world.answer(node: 0)
        #expect(!world.hasWork(for: 5))
    }

    @Test func `a fleet that cannot keep up is no outage`() throws {
        let world = try CoreWorld(demand: 100)
        world.connectSideLinks()
        for job in 0..<20 {
            world.answer(node: 1, reserved: [(UInt64(20 + job), try Self.standby("a\(job)", due: .zero))])
            world.answerLedger()
            world.answer(node: 3)
            world.advance(by: .milliseconds(300))
            world.tick()
        }
        #expect(world.warnings.isEmpty && !world.hasWork(for: 5))
        #expect(world.sent[3].count { $0 == .probe } <= 21, "at most a probe for each")
    }

    @Test func `a job that is known to have run before proves nothing`() throws {
        let world = try CoreWorld()
        world.connectSideLinks()
        let key = LedgerKey(queue: .default, id: try JobID("a"))
        let owner = ClaimOwner(unchecked: "other")
        _ = world.perform(.claim(owner), on: key)
        _ = world.perform(.release(owner, attempt: 1), on: key)
        world.answer(node: 1, reserved: [(11, try Self.standby("a", due: .zero))])
        world.answerLedger()
        #expect(world.delivered.count == 1)
        #expect(world.calls(on: 3).isEmpty)
    }

    // MARK: Server processes that are gone

    /// Node 0 is back as another process.
    static func withNode0Replaced() throws -> CoreWorld {
        let world = try CoreWorld()
        world.connectSideLinks()
        world.core.answered(
            .probing, link: 0, replies: [.using(.default)], isLost: false,
            generation: .init(2, serverID: ServerID(7)), sentAt: world.now, now: world.now)
        return world
    }

    @Test func `standbys of leads that a process had which is gone are brought forward`() throws {
        let world = try Self.withNode0Replaced()
        #expect(world.hasWork(for: 4))
        let record = try Self.standby("a", due: .seconds(1))
        world.answer(node: 4) { _ in .found(BeanstalkJobID(11), record) }
        #expect(world.calls(on: 4).first == .fetch(BeanstalkJobID(11)))
    }

    @Test func `a process of which there is no sign for a minute is missed no more`() throws {
        let world = try Self.withNode0Replaced()
        world.advance(by: .seconds(60))
        world.tick()
        #expect(world.core.goneServers.isEmpty && !world.hasWork(for: 4) && world.timeUntilTick == nil)
    }

    @Test func `a standby that was given back for longer than its date says is asked about first`() throws {
        let world = try Self.withoutNode0()
        let record = try Self.standby("a", due: .seconds(-3))
        world.answer(node: 4) { _ in .found(BeanstalkJobID(11), record) }
        #expect(world.calls(on: 4) == [.lookAhead(BeanstalkJobID(11))])
        world.answer(node: 4) { _ in Self.statistics(11, left: 2) }
        #expect(world.calls(on: 4) == [.fetch(BeanstalkJobID(11))])
    }

    @Test func `standbys that hide missed ones are taken too, but are no sign of more`() throws {
        let world = try Self.withNode0Replaced()
        world.advance(by: .seconds(30))
        for (number, server) in [(11, CoreWorld.server(2)), (12, CoreWorld.server(0))] as [(UInt64, ServerID)] {
            let record = try CoreWorld.record(
                "job-\(number)", due: .seconds(31), copy: 1, role: .standby(leadOn: server))
            let last = try #require(world.core.goneServers.first?.until)
            world.answer(node: 4) { $0 == .peekNext ? .found(BeanstalkJobID(number), record) : nil }
            #expect(world.calls(on: 4).contains(.fetch(BeanstalkJobID(number))))
            #expect((world.core.goneServers.first?.until != last) == (server == CoreWorld.server(0)))
        }
    }

    @Test func `once a lead of that process is seen its leads are not missed any more`() throws {
        let world = try Self.withNode0Replaced()
        world.answer(
            node: 1,
            reserved: [(5, try CoreWorld.record("b", due: .seconds(1), role: .lead(on: ServerID(9), naming: [])))])
        #expect(world.core.goneServers.map(\.id) == [CoreWorld.server(0)])
        world.answer(
            node: 0,
            reserved: [
                (5, try CoreWorld.record("c", due: .seconds(1), role: .lead(on: CoreWorld.server(0), naming: [])))
            ])
        #expect(!world.core.goneServers.contains { $0.id == CoreWorld.server(0) })
    }

    @Test func `a standby whose lead was on a process that nobody is tells that it is gone`() throws {
        let world = try CoreWorld()
        world.connectSideLinks()
        world.answer(
            node: 1,
            reserved: [(11, try CoreWorld.record("a", due: .zero, copy: 1, role: .standby(leadOn: ServerID(9))))])
        world.answerLedger()
        #expect(world.delivered.count == 1)
        #expect(world.core.goneServers.map(\.id) == [ServerID(9)])
    }
}
