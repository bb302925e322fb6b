import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

@Suite("Bringing a copy forward")
struct CopyAdvanceTests {
    private let copy = BeanstalkJobID(7)

    private func record(_ id: String) throws -> ByteBuffer {
        var bytes = ByteBuffer()
        EnvelopeTemplate(
            id: try JobID(id), fireTime: Timestamp(microseconds: 5), timeToRun: 10, priority: 42, headers: [:],
            body: ByteBuffer(string: "x")
        ).write(copy: 0, copies: 3, into: &bytes)
        return bytes
    }

    private func advance(_ id: String = "a") throws -> CopyAdvance {
        CopyAdvance(
            copy, of: LedgerKey(queue: .default, id: try JobID(id)), queue: .default, on: try BeanstalkNode("h"))
    }

    private func statistics(tube: String = "default") -> BeanstalkReply {
        .ok(ByteBuffer(string: CoreWorld.statistics(kicks: 0).replacing("tube: default", with: "tube: \(tube)")))
    }

    @Test func `a copy of the job is reserved and given back with its own priority`() throws {
        let advance = try advance()
        #expect(advance.look == [.peek(copy), .statsJob(copy)])
        #expect(
            advance.commands(after: [.found(copy, try record("a")), statistics()]) == [
                .reserveJob(copy), .release(copy, priority: 42, delay: 0),
            ])
        #expect(advance.outcome(of: [.reserved(copy, try record("a")), .released]) == .ready)
        #expect(advance.outcome(of: [.notFound, .notFound]) == .inSomebodysHands)
        #expect(advance.outcome(of: []) == .notFound)
    }

    @Test func `a copy that stood by is brought forward in its tube, as the line of the record says`() throws {
        #expect(
            try advance().commands(after: [.found(copy, try record("a")), statistics(tube: "default.standby")]) == [
                .reserveJob(copy), .release(copy, priority: 42, delay: 0),
            ])
    }

    @Test func `another job under the number is left alone`() throws {
        let advance = try advance()
        for reply in [
            BeanstalkReply.found(copy, try record("b")), .found(BeanstalkJobID(8), try record("a")),
            .found(copy, ByteBuffer(string: "a stranger's")), .notFound, .outOfMemory,
        ] {
            #expect(advance.commands(after: [reply, statistics()]).isEmpty, "\(reply)")
        }
        let own = BeanstalkReply.found(copy, try record("a"))
        for replies in [
            [own], [own, .notFound], [own, statistics(tube: "other")], [own, statistics(tube: "other.standby")], [],
        ] {
            #expect(advance.commands(after: replies).isEmpty, "\(replies)")
        }
    }

    @Test func `a record of go-queue's is known by its MD5`() throws {
        let bytes = GoQueueRecord.encode(fireTime: Timestamp(microseconds: 5), body: ByteBuffer(string: "x"))
        let advance = CopyAdvance(
            copy, of: LedgerKey(goQueue: GoQueueRecord.id(of: bytes)), queue: .default, on: try BeanstalkNode("h"))
        #expect(
            advance.commands(after: [.found(copy, bytes), statistics()]) == [
                .reserveJob(copy), .release(copy, priority: GoQueueRecord.priority, delay: 0),
            ])
    }
}
