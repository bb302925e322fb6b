import Beanstalk
import Foundation
import NIOCore
import Testing

@testable import DelayQueue

@Suite("Finding jobs among copies")
struct JobGatheringTests {
    private func copy(
        _ id: String, index: Int = 0, on node: String = "a", number: UInt64 = 7, body: String = "x",
        headers: JobHeaders = [:], edition: JobEdition? = nil, micros: Int64 = 5
    ) throws -> FoundCopy {
        var bytes = ByteBuffer()
        EnvelopeTemplate(
            id: try JobID(id), fireTime: Timestamp(microseconds: micros), edition: edition, timeToRun: 10, priority: 42,
            headers: headers, body: ByteBuffer(string: body)
        ).write(copy: index, copies: 3, into: &bytes)
        return try found(bytes, on: node, number: number)
    }

    private func found(_ bytes: ByteBuffer, on node: String = "a", number: UInt64 = 7) throws -> FoundCopy {
        let statistics = try JobStatistics(parsing: ByteBuffer(string: CoreWorld.statistics(kicks: 0)))
        return FoundCopy(
            node: try BeanstalkNode(node), tube: .main, server: ServerID("00000000000000aa"),
            id: BeanstalkJobID(number),
            record: JobRecord(parsing: bytes), bytes: bytes, size: bytes.readableBytes, statistics: statistics)
    }

    private func gathering(limit: Int = 10) -> JobGathering {
        JobGathering(queue: .default, policy: SealPolicy(), limit: limit)
    }

    @Test func `copies of one job are one, whichever node shows them first, and each counts once`() throws {
        var gathering = gathering()
        for copy in [
            try copy("j", index: 2, on: "c"), try copy("j", index: 0), try copy("j", index: 0),
            try copy("j", index: 1, on: "b"),
        ] {
            gathering.add(copy)
        }
        #expect(gathering.jobs.count == 1)
        let job = try #require(gathering.jobs.first)
        #expect(job.copies.map(\.index) == [0, 1, 2])
        #expect(gathering.areComplete)
        let receipt = job.receipt
        #expect(try receipt.placements.map(\.node) == ["a", "b", "c"].map { try BeanstalkNode($0) })
        #expect(receipt.placements.map(\.id) == [7, 7, 7].map { BeanstalkJobID($0) })
        #expect(!receipt.placements.map(\.serverID).contains(nil))
        #expect(receipt.ledgerKey == LedgerKey(queue: .default, id: try JobID("j")))
        #expect(Receipt(receipt.description) == receipt)
    }

    @Test func `two editions of an id are two jobs, and what is no job is none`() throws {
        var gathering = gathering()
        gathering.add(try copy("j", edition: JobEdition(1)))
        gathering.add(try copy("j", number: 8, edition: JobEdition(2)))
        gathering.add(try found(ByteBuffer(string: "a stranger's")))
        #expect(gathering.jobs.map(\.receipt.edition) == [JobEdition(1), JobEdition(2)])
        #expect(gathering.jobs.map(\.receipt.hasOwnID) == [true, true])
    }

    @Test func `at the limit further copies of known jobs are taken, and other jobs are not`() throws {
        var gathering = gathering(limit: 1)
        gathering.add(try copy("j"))
        gathering.add(try copy("j", index: 1, on: "b"))
        #expect(!gathering.isLimited)
        gathering.add(try copy("k"))
        #expect(gathering.isLimited)
        #expect(gathering.jobs.map(\.id.description) == ["j"])
        #expect(gathering.jobs[0].copies.count == 2)
    }

    @Test func `a record of go-queue's is known by its MD5 and has a receipt of its kind`() throws {
        let bytes = GoQueueRecord.encode(fireTime: Timestamp(microseconds: 5), body: ByteBuffer(string: "x"))
        var gathering = gathering()
        gathering.add(try found(bytes))
        gathering.add(try found(bytes, on: "b"))
        let receipt = try #require(gathering.jobs.first?.receipt)
        #expect(receipt.format == .goQueue)
        #expect(receipt.ledgerKey == LedgerKey(goQueue: GoQueueRecord.id(of: bytes)))
        #expect(receipt.placements.map(\.index) == [0, 1])
    }

    @Test func `a filter asks for all that it names`() throws {
        let record = try #require(
            try copy("j", body: "say hello", headers: ["job-type": "mail", "a": "1"], micros: 10_000_000).record)
        func fits(_ change: (inout JobFilter) throws -> Void) rethrows -> Bool? {
            var filter = JobFilter()
            try change(&filter)
            return filter.fits(record)
        }
        #expect(fits { _ in } == true)
        #expect(fits { $0.body = "hell" } == true)
        #expect(fits { $0.body = "hello " } == false)
        #expect(fits { $0.body = "\u{0}" } == false)
        #expect(fits { $0.type = "mail" } == true)
        #expect(fits { $0.type = "mai" } == false)
        #expect(fits { $0.headers = ["a": "1", "b": "2"] } == false)
        #expect(try fits { $0.ids = [try JobID("j")] } == true)
        #expect(try fits { $0.ids = [try JobID("k")] } == false)
        #expect(fits { $0.dueFrom = Date(timeIntervalSince1970: 10) } == true)
        #expect(fits { $0.dueUntil = Date(timeIntervalSince1970: 10) } == false)
        #expect(fits { $0.dueFrom = Date(timeIntervalSince1970: 10.5) } == false)
        #expect(JobFilter().isEmpty)
        #expect(JobFilter().fits(.foreign(ByteBuffer(string: "x"))) == false)
    }

    @Test func `what is sealed is found by its line without a key, and by what is in it not at all`() throws {
        let bytes = try SealedJob.record("s", ring: try SealedJob.ring())
        let record = JobRecord(parsing: bytes)
        var filter = JobFilter()
        filter.ids = [try JobID("s")]
        #expect(filter.fits(record, opening: SealPolicy(), queue: .default) == true)
        filter.body = "secret"
        #expect(filter.fits(record, opening: SealPolicy(), queue: .default) == nil)
        filter.ids = [try JobID("t")]
        #expect(filter.fits(record, opening: SealPolicy(), queue: .default) == false)

        filter.ids = nil
        #expect(filter.fits(record, opening: SealPolicy(keyRing: try SealedJob.ring()), queue: .default) == true)
        var gathering = gathering()
        gathering.add(try found(bytes))
        #expect(gathering.jobs.first?.body == nil)
        #expect(gathering.jobs.first?.problem?.contains("no key") == true)
    }
}
