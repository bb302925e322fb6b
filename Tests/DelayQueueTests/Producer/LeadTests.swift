import Beanstalk
import PipelinedTransport
import Testing

@testable import DelayQueue

@Suite("Standbys first, then the lead")
struct LeadTests {
    static func server(_ node: Int) -> ServerID { ServerID(UInt64(100 + node)) }

    static func world(nodes: Int = 3, hasLedger: Bool = false) throws -> ProducerWorld {
        try ProducerWorld(nodes: nodes, hasLedger: hasLedger, copyMode: .standby)
    }

    /// The node that one job's lead is for, as its standbys were sent to the others.
    static func leadNode(_ world: ProducerWorld) throws -> Int {
        try #require((0..<3).first { node in !world.sent.contains { $0.node == node } })
    }

    private static func puts(_ commands: NodeCommands?) -> [NodeCommands.Put] {
        if case .put(let puts, _) = commands?.kind { puts } else { [] }
    }

    private static func tube(_ commands: NodeCommands?) -> CopyTube? {
        if case .put(_, let tube) = commands?.kind { tube } else { nil }
    }

    @Test func `the lead is put once its standbys are stored, and names them`() throws {
        var world = try Self.world()
        world.call(1, "a")
        world.flush()
        #expect(world.sent.count == 2 && world.sent.allSatisfy { Self.tube($0) == .standby })
        let lead = try Self.leadNode(world)
        let standbys = (0..<3).filter { $0 != lead }
        for node in standbys {
            let put = try #require(Self.puts(world.commands(to: node).first).first)
            #expect(put.role == .standby(leadOn: nil))
            #expect(put.delay == 59 + 2 && put.priority == DuePriority.ofStandby(7))
        }
        world.answer(standbys[0], .stored(5), serverID: Self.server(standbys[0]))
        #expect(world.commands(to: lead).isEmpty, "the other standby is not known yet")
        world.answer(standbys[1], .stored(6), serverID: Self.server(standbys[1]))
        let put = try #require(Self.puts(world.commands(to: lead).first).first)
        #expect(Self.tube(world.commands(to: lead).first) == .main)
        #expect(put.delay == 59 && put.priority == 7)
        let names = put.role.names
        #expect(Set(names.map(\.server)) == Set(standbys.map(Self.server)))
        #expect(Set(names.map(\.id)) == [BeanstalkJobID(5), BeanstalkJobID(6)])
        #expect(world.receipts(of: 1).isEmpty, "without a ledger a receipt names every copy")
        world.answer(lead, .stored(7), serverID: Self.server(lead))
        let receipt = try #require(world.receipts(of: 1).first)
        #expect(receipt.placements.count == 3 && receipt.placements.allSatisfy { $0.id != nil && $0.serverID != nil })
        #expect(world.core.isIdle)
    }

    @Test func `with a ledger the call returns when its standbys are stored, and the lead is owed`() throws {
        var world = try Self.world(hasLedger: true)
        world.call(1, "a")
        world.flush()
        let lead = try Self.leadNode(world)
        for node in 0..<3 where node != lead { world.answer(node, .stored(5)) }
        let receipt = try #require(world.receipts(of: 1).first)
        #expect(receipt.placements.count == 3)
        #expect(receipt.placements.first { $0.node == world.core.nodes[lead] }?.id == nil)
        #expect(!world.core.isIdle, "closing waits for what is owed")
        world.advance(by: .seconds(1))
        #expect(world.stopped.isEmpty, "what is owed is not cut short")
        #expect(world.slowNodes.isEmpty, "no caller waited for it, and the next one tries it")
        world.answer(lead, .stored(7))
        #expect(world.core.isIdle && world.lostLeads == 0)
    }

    @Test func `an owed lead that was refused goes to a node without a copy`() throws {
        var world = try Self.world(nodes: 4, hasLedger: true)
        world.call(1, "a")
        world.flush()
        let standbys = world.sent.map(\.node)
        for node in standbys { world.answer(node, .stored(5), serverID: Self.server(node)) }
        let lead = try #require(world.sent.first?.node)
        world.answer(lead, .draining)
        let spare = try #require(world.sent.first)
        #expect(spare.node != lead && !standbys.contains(spare.node))
        #expect(Self.puts(spare).first?.role.names.count == 2)
        world.answer(spare.node, .stored(9))
        #expect(world.core.isIdle && world.lostLeads == 0)
    }

    @Test(arguments: [true, false])
    func `a lead of unknown outcome has no spare, and one without a spare is counted`(isUnknown: Bool) throws {
        var world = try Self.world(nodes: isUnknown ? 4 : 3, hasLedger: true)
        world.call(1, "a")
        world.flush()
        for node in world.sent.map(\.node) { world.answer(node, .stored(5)) }
        let lead = try #require(world.sent.first?.node)
        if isUnknown {
            world.answer(lead, failing: .timedOut)
        } else {
            world.answer(lead, .draining)
        }
        #expect(world.sent.isEmpty && world.lostLeads == 1)
        #expect(world.receipts(of: 1).count == 1)
        #expect(world.core.isIdle)
    }

    @Test func `a lead that is too long with names is put again without them`() throws {
        var world = try Self.world()
        world.call(1, "a")
        world.flush()
        let lead = try Self.leadNode(world)
        for node in 0..<3 where node != lead { world.answer(node, .stored(5), serverID: Self.server(node)) }
        world.answer(lead, .jobTooBig)
        let again = try #require(world.commands(to: lead).first)
        #expect(Self.puts(again).first?.role == .alone)
        world.answer(lead, .stored(7))
        #expect(world.receipts(of: 1).first?.placements.count == 3)
        #expect(world.core.isIdle)
    }

    @Test func `a slow standby holds the lead back for the grace only, and is not named`() throws {
        var world = try Self.world()
        world.call(1, "a")
        world.flush()
        let lead = try Self.leadNode(world)
        let standbys = (0..<3).filter { $0 != lead }
        world.answer(standbys[0], .stored(5), serverID: Self.server(standbys[0]))
        world.advance(by: .milliseconds(249))
        #expect(world.commands(to: lead).isEmpty)
        world.advance(by: .milliseconds(1))
        #expect(world.slowNodes == [standbys[1]])
        #expect(Self.puts(world.commands(to: lead).first).first?.role.names.map(\.id) == [BeanstalkJobID(5)])
        world.answer(lead, .stored(7), serverID: Self.server(lead))
        world.advance(by: .milliseconds(250))
        world.answer(standbys[1], failing: .cancelled)
        #expect(world.receipts(of: 1).first?.placements.compactMap(\.id).count == 2)
    }

    @Test func `without enough standbys the lead is not put, and the job is refused`() throws {
        var world = try Self.world()
        world.call(1, "a")
        world.flush()
        let lead = try Self.leadNode(world)
        for node in 0..<3 where node != lead { world.answer(node, .draining) }
        #expect(world.sent.isEmpty)
        let error = try #require(world.errors(of: 1).first)
        #expect(error.code == .insufficientCopies && !error.mayStillFire)
        #expect(error.nodeFailures.count == 3, "the node that was not asked is told too")
        #expect(world.core.isIdle)
    }

    @Test(arguments: [true, false])
    func `where one standby is not enough the lead decides`(isLeadStored: Bool) throws {
        var world = try Self.world(hasLedger: true)
        world.call(1, "a")
        world.flush()
        let lead = try Self.leadNode(world)
        let standbys = (0..<3).filter { $0 != lead }
        world.answer(standbys[0], .stored(5), serverID: Self.server(standbys[0]))
        world.answer(standbys[1], .draining)
        #expect(world.commands(to: lead).count == 1)
        #expect(world.receipts(of: 1).isEmpty && world.errors(of: 1).isEmpty, "neither accepted nor refused yet")
        world.answer(lead, isLeadStored ? .stored(7) : .draining)
        #expect(world.receipts(of: 1).first?.placements.count == (isLeadStored ? 2 : nil))
        // Its copies are taken back once the ledger has it as revoked, and only then is it refused.
        #expect(world.asked.count == (isLeadStored ? 0 : 1))
        #expect(world.lostLeads == 0)
    }

    @Test func `a job whose caller was cancelled before it had its standbys gets no lead`() throws {
        var world = try Self.world(nodes: 4)
        world.call(1, "a")
        world.call(2, "b")
        world.flush()
        let standbys = world.sent.map(\.node)
        world.answer(standbys[0], .stored(1), .stored(2))
        world.cancel(1)
        world.answer(standbys[0], .deleted)
        #expect(world.errors(of: 1).map(\.code) == [.cancelled])
        world.answer(standbys[1], .stored(3), .stored(4))
        let lead = try #require(world.sent.first { Self.tube($0) == .main })
        #expect(Self.puts(lead).map(\.job.id) == [JobID(unchecked: "b")])
        #expect(
            world.commands(to: standbys[1]).map(\.deletes) == [[BeanstalkJobID(3)]], "what came after is taken back")
    }

    @Test func `a caller cancelled while the lead is on its way has its receipt where the standbys suffice`() throws {
        var world = try Self.world()
        world.call(1, "a")
        world.flush()
        let lead = try Self.leadNode(world)
        for node in 0..<3 where node != lead { world.answer(node, .stored(5)) }
        world.cancel(1)
        #expect(world.receipts(of: 1).first?.placements.count == 3)
        #expect(world.stopped.isEmpty, "the job is owed its lead")
        world.answer(lead, .stored(7))
        #expect(world.core.isIdle)
    }

    @Test func `after a standstill longer than records last no lead is put`() throws {
        var world = try Self.world(hasLedger: true)
        world.call(1, "a")
        world.flush()
        world.now.uptime = world.now.uptime + .seconds(301)
        let lead = try Self.leadNode(world)
        for node in 0..<3 where node != lead { world.answer(node, .stored(5), serverID: Self.server(node)) }
        #expect(world.sent.isEmpty && world.lostLeads == 1)
        #expect(world.receipts(of: 1).count == 1)
        #expect(world.core.isIdle)
    }

    @Test func `jobs that travel together have their leads on one node, those of a batch on all`() throws {
        var world = try Self.world(hasLedger: true)
        for id in 1...20 { world.call(UInt64(id), "job \(id)") }
        world.flush()
        #expect(world.sent.count == 2)
        var batch = try Self.world(hasLedger: true)
        batch.core.call(1, (0..<60).map { ProducerWorld.job("job \($0)") })
        batch.flush()
        #expect(batch.sent.count == 3)
        #expect(batch.sent.map(\.count).reduce(0, +) == 120)
    }
}
