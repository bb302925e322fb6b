import Beanstalk
import PipelinedTransport
import Testing

@testable import DelayQueue

@Suite("What a producer decides")
struct ProducerCoreTests {
    // MARK: Writing together

    @Test func `single jobs that gather share one write, with one batch a node`() throws {
        var world = try ProducerWorld()
        for id in 1...3 { world.call(UInt64(id), "job \(id)") }
        world.flush()
        #expect(world.sent.count == 3)
        #expect(Set(world.sent.map(\.write)).count == 1)
        for node in 0..<3 { world.answer(node, .stored(1), .stored(2), .stored(3)) }
        for id in 1...3 {
            let receipt = try #require(world.receipts(of: UInt64(id)).first)
            #expect(receipt.jobID == JobID(unchecked: "job \(id)"))
            #expect(receipt.placements.map(\.id) == Array(repeating: BeanstalkJobID(UInt64(id)), count: 3))
        }
        #expect(world.core.isIdle)
    }

    @Test func `a call of many has a write of its own`() throws {
        var world = try ProducerWorld()
        world.call(1, "a", "b")
        world.call(2, "c")
        world.flush()
        #expect(world.sent.count == 6)
        #expect(Set(world.sent.map(\.write)).count == 2)
        for node in 0..<3 {
            world.answer(node, .stored(1), .stored(2))
            world.answer(node, .stored(3))
        }
        #expect(world.receipts(of: 1).map(\.jobID.description) == ["a", "b"])
        #expect(world.receipts(of: 2).map(\.jobID.description) == ["c"])
    }

    @Test func `a straggler is waited for as long as the grace, and then asked to be let be`() throws {
        var world = try ProducerWorld()
        world.call(1, "a")
        world.flush()
        world.answer(0, .stored(1))
        world.answer(1, .stored(2))
        #expect(world.core.nextTick() == world.now.uptime + .milliseconds(250))
        world.advance(by: .milliseconds(250))
        #expect(world.stopped.count == 1)
        #expect(world.slowNodes == [2])
        #expect(world.answers.isEmpty, "what the ended wait says comes first")
        world.answer(2, failing: .cancelled)
        let receipt = try #require(world.receipts(of: 1).first)
        #expect(receipt.placements.map { $0.id == nil } == [false, false, true])
    }

    @Test func `a slow node is asked again, and not waited for, until it answers`() throws {
        var world = try ProducerWorld()
        world.call(1, "a")
        world.flush()
        for node in 0..<2 { world.answer(node, .stored(1)) }
        world.advance(by: .milliseconds(250))
        let ended = world.answer(2, failing: .cancelled)
        let late = try #require(ended)
        world.call(2, "b")
        world.flush()
        for node in 0..<2 { world.answer(node, .stored(2)) }
        #expect(world.stopped.count == 2, "its probe is not waited for")
        world.answer(2, failing: .cancelled)
        #expect(world.receipts(of: 2).count == 1)
        let mustGo = world.core.arrivedLate(late, at: 0, .stored(7))
        #expect(!mustGo, "the copy of an accepted job stays")
        world.call(3, "c")
        world.flush()
        for node in 0..<2 { world.answer(node, .stored(3)) }
        #expect(world.receipts(of: 3).isEmpty, "it has answered, and is waited for again")
        world.answer(2, .stored(3))
        #expect(world.receipts(of: 3).count == 1)
    }

    @Test func `with too few nodes nothing is sent`() throws {
        var world = try ProducerWorld()
        for node in 1..<3 { world.health[node].isUp = false }
        world.call(1, "a")
        world.flush()
        #expect(world.sent.isEmpty)
        let error = try #require(world.errors(of: 1).first)
        #expect(error.code == .insufficientCopies && !error.mayStillFire)
        #expect(error.nodeFailures.map(\.node) == Array(world.core.nodes[1...]))
        #expect(world.core.isIdle)
    }

    @Test func `a copy its node cannot queue is deleted, and a spare takes it over`() throws {
        var world = try ProducerWorld(nodes: 4)
        world.call(1, "a")
        world.flush()
        let chosen = world.sent.map(\.node)
        world.answer(chosen[0], .buried(BeanstalkJobID(5)))
        let clearing = try #require(world.commands(to: chosen[0]).first)
        #expect(clearing.deletes == [BeanstalkJobID(5)])
        #expect(clearing.generation == ConnectionGeneration(1))
        world.answer(chosen[0], .deleted)
        let spare = try #require((0..<4).first { !chosen.contains($0) })
        world.answer(spare, .stored(1))
        for node in chosen[1...] { world.answer(node, .stored(1)) }
        #expect(world.receipts(of: 1).first?.placements.map(\.node).contains(world.core.nodes[spare]) == true)
    }

    @Test func `an id is not deleted unseen on a connection that came after its own`() throws {
        var world = try ProducerWorld()
        world.call(1, "a", "b")
        world.flush()
        world.answer(0, .buried(BeanstalkJobID(5)), .stored(6))
        world.answer(0, failing: .staleGeneration, mayHaveBeenSent: false, generation: 2)
        for node in 1..<3 { world.answer(node, .internalError, .internalError) }
        let removal = try #require(world.commands(to: 0).first)
        #expect(removal.deletes == [BeanstalkJobID(6)])
        #expect(removal.generation == ConnectionGeneration(1))
    }

    @Test func `a job that is too large is refused with the size that fits`() throws {
        var world = try ProducerWorld()
        world.call(1, "a")
        world.flush()
        for node in 0..<3 { world.answer(node, .jobTooBig) }
        for node in 0..<3 { world.answer(node, failing: .timedOut) }
        #expect(world.errors(of: 1).map(\.code) == [.bodyTooLarge])
        #expect(world.core.isIdle)
    }

    // MARK: Cancelling

    @Test func `a cancelled caller is answered, and those who travel with it go on`() throws {
        var world = try ProducerWorld()
        for id in 1...2 { world.call(UInt64(id), "job \(id)") }
        world.flush()
        world.answer(0, .stored(1), .stored(2))
        world.cancel(1)
        #expect(world.stopped.isEmpty)
        let removal = try #require(world.commands(to: 0).first)
        #expect(removal.deletes == [BeanstalkJobID(1)])
        world.answer(0, .deleted)
        #expect(world.errors(of: 1).map(\.code) == [.cancelled])
        #expect(world.errors(of: 1).map(\.mayStillFire) == [true], "two nodes have not answered")
        world.answer(1, .stored(3), .stored(4))
        #expect(world.commands(to: 1).first?.deletes == [BeanstalkJobID(3)], "what is stored afterwards is deleted")
        world.answer(2, .stored(5), .stored(6))
        #expect(world.receipts(of: 2).first?.placements.count == 3)
        #expect(!world.core.isIdle, "copies are still being deleted")
        world.answer(1, .deleted)
        world.answer(2, .deleted)
        #expect(world.core.isIdle)
    }

    @Test func `with the last caller the wait ends, and what is known by then is taken back`() throws {
        var world = try ProducerWorld(hasLedger: true)
        world.call(1, "a")
        world.flush()
        world.answer(0, .stored(1))
        world.cancel(1)
        #expect(world.stopped.count == 1)
        let ended = world.answer(1, failing: .cancelled)
        let late = try #require(ended)
        world.answer(2, failing: .cancelled)
        #expect(world.asked.first?.requests.count == 2, "marked first")
        #expect(world.sent.isEmpty)
        world.answerLedger(.success(.absent), .success(.revoked))
        world.answer(0, .deleted)
        world.answerLedger(.success(.forgotten))
        #expect(world.errors(of: 1).map(\.code) == [.cancelled])
        #expect(world.errors(of: 1).map(\.mayStillFire) == [false])
        let mustGo = world.core.arrivedLate(late, at: 0, .stored(9))
        #expect(mustGo, "a copy of a refused job that is stored late")
    }

    @Test func `a cancelled caller whose job is stored already gets its receipt`() throws {
        var world = try ProducerWorld()
        for id in 1...2 { world.call(UInt64(id), "job \(id)") }
        world.flush()
        world.answer(0, .stored(1), .outOfMemory)
        world.answer(1, .stored(3), .stored(4))
        world.cancel(1)
        #expect(world.receipts(of: 1).first?.placements.map { $0.id == nil } == [false, false, true])
        world.answer(2, .stored(5), .stored(6))
        #expect(world.receipts(of: 2).count == 1)
    }

    @Test func `nothing is written for a caller who is gone by then`() throws {
        var world = try ProducerWorld()
        world.call(1, "a")
        world.core.cancel(1, now: world.now)
        world.flush()
        #expect(world.sent.isEmpty)
        #expect(world.errors(of: 1).map(\.code) == [.cancelled])
        #expect(world.core.isIdle)
    }

    // MARK: Late answers

    /// A cancelled call, of which two nodes still owe an answer.
    static func refusedWithAnswersDue(_ world: inout ProducerWorld) throws -> [NodeCommands] {
        world.call(1, "a")
        world.flush()
        world.answer(0, .stored(1))
        world.cancel(1)
        let ended = (1..<3).compactMap { world.answer($0, failing: .cancelled) }
        world.answer(0, .deleted)
        #expect(world.core.lateWrites.count == 1 && world.core.isIdle)
        return ended
    }

    @Test func `a refused job is remembered while copies of it may be stored late, and no longer`() throws {
        var world = try ProducerWorld()
        for commands in try Self.refusedWithAnswersDue(&world) {
            let mustGo = world.core.arrivedLate(commands, at: 0, .stored(7))
            #expect(mustGo)
        }
        #expect(world.core.lateWrites.isEmpty)
    }

    @Test func `an accepted job needs not be remembered`() throws {
        var world = try ProducerWorld()
        world.call(1, "a")
        world.flush()
        for node in 0..<2 { world.answer(node, .stored(1)) }
        world.advance(by: .milliseconds(250))
        world.answer(2, failing: .cancelled)
        #expect(world.receipts(of: 1).count == 1)
        #expect(world.core.lateWrites.isEmpty)
    }

    @Test func `a reply that comes before its ended wait is told is not waited for again`() throws {
        var world = try ProducerWorld()
        world.call(1, "a")
        world.flush()
        for node in 0..<2 { world.answer(node, .stored(1)) }
        world.advance(by: .milliseconds(250))
        let commands = try #require(world.commands(to: 2).first)
        _ = world.core.arrivedLate(commands, at: 0, .stored(7))
        world.answer(2, failing: .cancelled)
        #expect(world.receipts(of: 1).first?.placements.last?.id == BeanstalkJobID(7), "and its copy is known")
        #expect(world.core.lateWrites.isEmpty)
    }

    @Test func `what was sent on a lost connection is answered no more`() throws {
        var world = try ProducerWorld()
        _ = try Self.refusedWithAnswersDue(&world)
        world.call(2, "b")
        world.flush()
        for node in 0..<3 { world.answer(node, .stored(2), generation: node == 0 ? 1 : 2) }
        #expect(world.core.lateWrites.isEmpty)
    }

    // MARK: Ids of one's own

    @Test func `an id that may have been used is looked up first`() throws {
        var world = try ProducerWorld(hasLedger: true)
        world.core.call(1, [ProducerWorld.job("a", isOwnID: true), ProducerWorld.job("b", isOwnID: true)])
        world.flush()
        #expect(world.sent.isEmpty)
        world.answerLedger(.success(.finished(.done)), .success(.absent))
        for node in 0..<3 { world.answer(node, .stored(1)) }
        #expect(world.errors(of: 1).map(\.code) == [.jobFinished])
        #expect(world.receipts(of: 1).map(\.jobID.description) == ["b"])
    }

    @Test func `a caller who is gone by the time its id was looked up has nothing written`() throws {
        var world = try ProducerWorld(hasLedger: true)
        world.core.call(1, [ProducerWorld.job("a", isOwnID: true)])
        world.cancel(1)
        #expect(world.errors(of: 1).map(\.code) == [.cancelled])
        world.answerLedger(.success(.absent))
        #expect(world.sent.isEmpty && world.core.isIdle)
    }

    // MARK: Server ids

    @Test func `a receipt names the server process of each copy, where it is known`() throws {
        var world = try ProducerWorld()
        world.call(1, "a")
        world.flush()
        world.answer(0, .stored(1), serverID: ServerID(7))
        world.answer(1, .stored(1))
        world.answer(2, failing: .connectionLost, serverID: ServerID(9))
        let placements = try #require(world.receipts(of: 1).first).placements.sorted {
            $0.node.description < $1.node.description
        }
        #expect(placements.map(\.serverID) == [ServerID(7), nil, ServerID(9)])
    }

    /// The producer is connected to the process that gave the id, to another one, or to one that does not say.
    @Test(arguments: [ServerID(7), ServerID(8), nil])
    func `an id is deleted unseen where the producer is connected to the process that gave it`(
        _ current: ServerID?
    ) throws {
        var world = try ProducerWorld()
        world.call(1, "a")
        world.flush()
        for node in 0..<3 { world.answer(node, .stored(1), generation: 5, serverID: current) }
        world.core.revoke(2, Self.receipt(on: world.core.nodes[0], serverID: ServerID(7)))
        world.core.revoke(3, Self.receipt(on: world.core.nodes[1], serverID: nil))
        world.flush()
        let commands = try #require(world.commands(to: 0).first)
        if current == ServerID(7) {
            #expect(commands.deletes == [BeanstalkJobID(3)] && commands.generation == ConnectionGeneration(5))
            // That connection has gone meanwhile.
            world.answer(0, failing: .staleGeneration, mayHaveBeenSent: false, generation: 6)
        }
        for node in 0..<2 {
            let looks = try #require(world.commands(to: node).first)
            #expect(looks.deletes == nil && looks.generation == nil && looks.count == 1)
        }
    }

    @Test func `before the first answer of a node nothing is known of its process`() throws {
        var world = try ProducerWorld()
        world.core.revoke(1, Self.receipt(on: world.core.nodes[0], serverID: ServerID(7)))
        world.flush()
        #expect(world.commands(to: 0).first?.deletes == nil)
    }

    private static func receipt(on node: BeanstalkNode, serverID: ServerID?) -> Receipt {
        Receipt(
            jobID: JobID(unchecked: "b"), fireTime: CoreWorld.start, queue: .default, hasOwnID: false, format: .native,
            copies: 1, placements: [.init(node: node, index: 0, id: BeanstalkJobID(3), serverID: serverID)])
    }

    // MARK: Closing

    @Test func `whoever closes at the limit is not told that somebody had cancelled`() throws {
        var world = try ProducerWorld(hasLedger: true)
        world.core.call(1, [ProducerWorld.job("a", isOwnID: true)])
        world.core.revoke(2, Self.receipt)
        world.core.close()
        world.flush()
        let cancelled = DelayQueueError(.cancelled, "the task was cancelled")
        world.answerLedger(.failure(cancelled))
        world.answerLedger(.failure(cancelled))
        #expect(world.errors(of: 1).map(\.code) == [.closed])
        if case .failure(let error)? = world.revocations[2] {
            #expect(error.code == .closed)
        } else {
            Issue.record("none")
        }
    }

    @Test func `a closed producer takes no calls, and tells those under way that it closed`() throws {
        var world = try ProducerWorld()
        world.call(1, "a")
        world.flush()
        world.core.close()
        world.call(2, "b")
        world.core.revoke(3, Self.receipt)
        world.flush()
        #expect(world.errors(of: 2).map(\.code) == [.closed])
        if case .failure(let error)? = world.revocations[3] {
            #expect(error.code == .closed)
        } else {
            Issue.record("not refused")
        }
        #expect(!world.core.isIdle)
        for node in 0..<3 { world.answer(node, failing: .closed, mayHaveBeenSent: false) }
        #expect(world.errors(of: 1).map(\.code) == [.closed])
        #expect(world.core.isIdle)
    }

    static let receipt = Receipt(
        jobID: JobID(unchecked: "a"), fireTime: CoreWorld.start, queue: .default, hasOwnID: false, format: .native,
        copies: 3, placements: [])
}
