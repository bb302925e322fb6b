import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

@Suite("A census of copies")
struct JobCensusTests {
    private static let server = ServerID(77)
    private static let fireTime = Timestamp(microseconds: 1_800_000_000_000_000)

    private func record(
        _ id: String = "a", copy: Int, copies: Int = 3, role: CopyRole = .alone, edition: JobEdition? = nil
    ) throws -> JobRecord {
        var bytes = ByteBuffer()
        EnvelopeTemplate(
            id: try JobID(id), fireTime: Self.fireTime, edition: edition, timeToRun: 10, priority: 42,
            headers: ["x-a": "1"], body: ByteBuffer(string: "x")
        ).write(copy: copy, copies: copies, role: role, into: &bytes)
        return JobRecord(parsing: bytes)
    }

    private func census(
        of nodes: Int = 3, without excluded: Set<Int> = [], _ found: [(node: Int, record: JobRecord)]
    ) -> JobCensus {
        var census = JobCensus(nodes: nodes, excluding: excluded, plannedCopies: 3)
        for (node, record) in found {
            census.add(record, BeanstalkJobID(UInt64(node) + 10), on: node, queue: .default)
        }
        return census
    }

    private func additions(_ census: JobCensus, on targets: Set<Int> = [0, 1, 2, 3, 4]) -> [CopyAddition] {
        census.incomplete.flatMap { census.additions(to: $0, on: targets) }
    }

    @Test func `a job with all its copies lacks nothing, whatever comes after`() throws {
        var census = census(try (0..<3).map { ($0, try record(copy: $0)) })
        #expect(census.incomplete.isEmpty && census.jobs == 1 && census.copies == [1, 1, 1])
        census.add(try record(copy: 3), BeanstalkJobID(1), on: 0, queue: .default)
        #expect(census.incomplete.isEmpty && census.jobs == 1)
    }

    @Test func `a missing standby is written as one, a missing lead as a copy that is ready at the date`() throws {
        let lead = try record(
            copy: 0,
            role: .lead(on: Self.server, naming: [CopyName(index: 1, server: Self.server, id: BeanstalkJobID(4))]))
        let standby = try record(copy: 1, role: .standby(leadOn: Self.server))
        let withoutStandby = additions(census([(0, lead), (1, standby)]))
        #expect(withoutStandby.map(\.target) == [2])
        #expect(withoutStandby.map(\.index) == [3], "an index that was never planned")
        #expect(withoutStandby.map(\.role) == [.standby(leadOn: Self.server)])
        let withoutLead = additions(
            census([(1, standby), (2, try record(copy: 2, role: .standby(leadOn: Self.server)))]))
        #expect(withoutLead.map(\.target) == [0])
        #expect(withoutLead.map(\.role) == [.alone])
        let withOneStandby = additions(census([(1, standby)]))
        #expect(Set(withOneStandby.map(\.target)) == [0, 2])
        #expect(withOneStandby.map(\.role) == [.alone, .standby(leadOn: nil)], "one of them is ready at the date")
        #expect(withOneStandby.map(\.index) == [3, 4])
        let together = additions(census([(1, try record(copy: 1))]))
        #expect(together.map(\.role) == [.alone, .alone])
    }

    @Test func `what lies on a node that is to be taken away is to be elsewhere`() throws {
        let found = try (0..<3).map { (node: $0, record: try record(copy: $0)) }
        let four = census(of: 4, without: [1], found)
        #expect(additions(four).map(\.target) == [3])
        #expect(additions(four, on: [0, 2]).isEmpty, "no node is left for it")
        // Two nodes are left for three copies, and two copies are there.
        #expect(census(of: 3, without: [1], found).incomplete.isEmpty)
        let last = census(of: 3, without: [1], [(1, try record(copy: 1))])
        #expect(Set(additions(last).map(\.target)) == [0, 2])
        #expect(additions(last).allSatisfy { $0.source.node == 1 })
    }

    @Test func `a second repair takes another index`() throws {
        let found = [(node: 0, record: try record(copy: 0)), (node: 1, record: try record(copy: 3))]
        #expect(additions(census(found)).map(\.index) == [4])
        #expect(additions(census([(0, try record(copy: 63, copies: 63))])).isEmpty, "none is left")
    }

    @Test func `editions of one id are jobs of their own, and so are jobs of other formats`() throws {
        let goQueue = JobRecord(parsing: ByteBuffer(string: "1800000000000000000/x"))
        let census = census([
            (0, try record(copy: 0, copies: 0, edition: JobEdition(1))),
            (1, try record(copy: 1, copies: 0, edition: JobEdition(2))), (2, goQueue),
        ])
        #expect(census.incomplete.count == 3)
        let additions = additions(census)
        #expect(additions.count == 6)
        for addition in additions { #expect((addition.index == nil) == (addition.key.description.count == 32)) }
        var others = census
        #expect(others.add(.foreign(ByteBuffer(string: "?")), BeanstalkJobID(1), on: 0, queue: .default) == false)
        #expect(others.add(.unverified(.noKeys), BeanstalkJobID(1), on: 0, queue: .default) == false)
    }

    @Test func `a job that is perhaps being written is not added to`() throws {
        var census = JobCensus(nodes: 3, plannedCopies: 3)
        census.add(try record(copy: 0), BeanstalkJobID(1), on: 0, queue: .default, isNewcomer: true)
        #expect(census.incomplete.isEmpty)
        census.add(try record("b", copy: 0), BeanstalkJobID(2), on: 0, queue: .default)
        census.add(try record("b", copy: 1), BeanstalkJobID(3), on: 1, queue: .default, isNewcomer: true)
        #expect(additions(census).map(\.target) == [2])
    }

    // MARK: Adding

    private func addition(_ record: JobRecord) throws -> CopyAddition {
        try #require(additions(census([(0, record)])).first)
    }

    private func bytes(copy: Int = 0, id: String = "a", copies: Int = 3) throws -> ByteBuffer {
        var bytes = ByteBuffer()
        EnvelopeTemplate(
            id: try JobID(id), fireTime: Self.fireTime, timeToRun: 10, priority: 42, headers: ["x-a": "1"],
            body: ByteBuffer(string: "x")
        ).write(copy: copy, copies: copies, into: &bytes)
        return bytes
    }

    private func statistics(age: Int = 60) -> BeanstalkReply {
        .ok(ByteBuffer(string: CoreWorld.statistics(kicks: 0).replacing(#/age: \d+/#, with: "age: \(age)")))
    }

    @Test func `the ledger is asked first, and makes a record where copies are counted`() throws {
        let addition = try addition(try record(copy: 0))
        let owner = try ClaimOwner("operator")
        #expect(addition.question(owner, timing: .init()).operation == .record(owner, due: Self.fireTime))
        for reply in [LedgerReply.waiting(for: .zero), .held(for: .seconds(1)), .finished(.dead)] {
            #expect(addition.isWanted(after: reply))
        }
        for reply in [LedgerReply.finished(.done), .finished(.revoked), .finished(.withdrawn), .absent, .lost] {
            #expect(!addition.isWanted(after: reply))
        }
        let ownID = try self.addition(try record(copy: 0, copies: 0, edition: JobEdition(5)))
        #expect(ownID.question(owner, timing: .init()).operation == .status)
        #expect(ownID.isWanted(after: .absent) && ownID.isWanted(after: .scheduled(Self.fireTime)))
    }

    @Test func `where only added copies are left, no record is made, as their job may be over`() throws {
        let addition = try addition(try record(copy: 3))
        #expect(addition.question(try ClaimOwner("operator"), timing: .init()).operation == .status)
        #expect(!addition.isWanted(after: .absent) && addition.isWanted(after: .waiting(for: .zero)))
        let both = census([(0, try record(copy: 3)), (1, try record(copy: 1))])
        #expect(additions(both).allSatisfy { $0.source.node == 1 && $0.hasPlannedSource })
        #expect(additions(both).count == 1)
    }

    @Test func `then the source is looked at, and a copy like it is put`() throws {
        let addition = try addition(try record(copy: 0))
        let node = try BeanstalkNode("h")
        let now = Self.fireTime + .seconds(-100)
        #expect(addition.look == [.peek(BeanstalkJobID(10)), .statsJob(BeanstalkJobID(10))])
        func commands(_ replies: [BeanstalkReply]) -> [BeanstalkCommand] {
            addition.commands(after: replies, on: node, seals: SealPolicy(), queue: .default, now: now)
        }
        let found = BeanstalkReply.found(BeanstalkJobID(10), try bytes())
        let written = commands([found, statistics()])
        #expect(
            written == [
                .use(node.tube), .put(try bytes(copy: 3), priority: 42, delay: 99, timeToRun: 10),
            ])
        let all: [[BeanstalkReply]] = [
            [], [found], [found, .notFound], [.notFound, statistics()], [found, statistics(age: 59)],
            [.found(BeanstalkJobID(11), try bytes()), statistics()],
            [.found(BeanstalkJobID(10), try bytes(id: "b")), statistics()],
            [.found(BeanstalkJobID(10), ByteBuffer(string: "?")), statistics()],
        ]
        for replies in all { #expect(commands(replies).isEmpty, "\(replies)") }
        #expect(addition.outcome(of: [.using(.default), .inserted(BeanstalkJobID(4))]) == .stored(BeanstalkJobID(4)))
        let buried = BeanstalkReply.buried(BeanstalkJobID(4))
        #expect(addition.outcome(of: [.using(.default), buried]) == .refused(buried))
        #expect(addition.outcome(of: [.using(.default), .draining]) == .refused(.draining))
        #expect(addition.outcome(of: [.using(.default)]) == .unknown)
    }
}
