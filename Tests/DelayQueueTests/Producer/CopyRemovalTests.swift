import Beanstalk
import NIOCore
import PipelinedTransport
import Testing

@testable import DelayQueue

@Suite("Deleting copies from a node")
struct CopyRemovalTests {
    static let here = ConnectionGeneration(4)
    static let id = BeanstalkJobID(7)

    static func removal(generation: ConnectionGeneration?) -> CopyRemoval {
        CopyRemoval([.init(job: 0, id: id, jobID: JobID(unchecked: "a"), copy: 1, generation: generation)])
    }

    static func outcome(_ replies: [BeanstalkReply], _ code: TransportError.Code? = nil) -> BatchOutcome<BeanstalkReply>
    {
        BatchOutcome(
            replies: replies,
            failure: code.map { TransportError($0, address: .hostname("node", port: 1), mayHaveBeenSent: false) },
            generation: here)
    }

    static func record(_ id: String, copy: Int) -> ByteBuffer {
        var bytes = ByteBuffer()
        EnvelopeTemplate(
            id: JobID(unchecked: id), fireTime: Timestamp(microseconds: 1), timeToRun: 10, priority: 1, headers: [:],
            body: ByteBuffer()
        ).write(copy: copy, copies: 3, into: &bytes)
        return bytes
    }

    static func isDeleted(_ results: [CopyRemoval.Result]) -> Bool {
        if case .deleted? = results.first { true } else { false }
    }

    @Test func `on the connection it came from an id is used as it is, and only there`() {
        var removal = Self.removal(generation: Self.here)
        #expect(removal.next == .delete([Self.id], on: Self.here))
        removal.answered(Self.outcome([.deleted]))
        #expect(removal.next == nil)
        #expect(Self.isDeleted(removal.results))
    }

    @Test func `on another connection it looks first, and deletes on the connection it looked on`() {
        var removal = Self.removal(generation: ConnectionGeneration(3))
        removal.answered(Self.outcome([], .staleGeneration))
        #expect(removal.next == .peek([Self.id]))
        removal.answered(Self.outcome([.found(Self.id, Self.record("a", copy: 1))]))
        #expect(removal.next == .delete([Self.id], on: Self.here))
        removal.answered(Self.outcome([.deleted]))
        #expect(removal.next == nil)
        #expect(Self.isDeleted(removal.results))
    }

    @Test(arguments: [
        BeanstalkReply.found(Self.id, Self.record("b", copy: 1)), .found(Self.id, Self.record("a", copy: 0)),
        .found(Self.id, ByteBuffer(string: "x")), .notFound,
    ])
    func `a stranger's copy under the same number is left alone`(_ reply: BeanstalkReply) {
        var removal = Self.removal(generation: nil)
        #expect(removal.next == .peek([Self.id]))
        removal.answered(Self.outcome([reply]))
        #expect(removal.next == nil)
        guard case .gone? = removal.results.first else {
            Issue.record("\(removal.results)")
            return
        }
    }

    @Test func `a copy that is there and not deleted is reserved`() {
        var removal = Self.removal(generation: nil)
        removal.answered(Self.outcome([.found(Self.id, Self.record("a", copy: 1))]))
        removal.answered(Self.outcome([.notFound]))
        guard case .reserved? = removal.results.first else {
            Issue.record("\(removal.results)")
            return
        }
    }

    @Test(arguments: [BeanstalkReply.found(Self.id, Self.record("a", copy: 1)), .notFound])
    func `what a delete without a look did not find is looked for`(_ look: BeanstalkReply) {
        var removal = Self.removal(generation: Self.here)
        removal.answered(Self.outcome([.notFound]))
        #expect(removal.next == .peek([Self.id]))
        removal.answered(Self.outcome([look]))
        if look == .notFound {
            guard case .gone? = removal.results.first, removal.next == nil else {
                Issue.record("\(removal.results)")
                return
            }
            return
        }
        // Reserved when it was to be deleted, and perhaps not any more.
        #expect(removal.next == .delete([Self.id], on: Self.here))
        removal.answered(Self.outcome([.notFound]))
        guard case .reserved? = removal.results.first, removal.next == nil else {
            Issue.record("\(removal.results)")
            return
        }
    }

    @Test func `only what was not deleted is looked for`() {
        let ids = (7...9).map { BeanstalkJobID($0) }
        var removal = CopyRemoval(
            ids.map { .init(job: 0, id: $0, jobID: JobID(unchecked: "a"), copy: 1, generation: Self.here) })
        removal.answered(Self.outcome([.deleted, .notFound], .connectionLost))
        #expect(removal.next == .peek([ids[1]]))
        removal.answered(Self.outcome([.found(ids[1], Self.record("a", copy: 1))]))
        #expect(removal.next == .delete([ids[1]], on: Self.here))
        removal.answered(Self.outcome([.deleted]))
        #expect(removal.next == nil)
        guard case .deleted = removal.results[0], case .deleted = removal.results[1],
            case .unreachable = removal.results[2]
        else {
            Issue.record("\(removal.results)")
            return
        }
    }

    @Test func `a node that does not answer is out of reach`() {
        for replies in [0, 1] {
            var removal = Self.removal(generation: nil)
            if replies == 1 { removal.answered(Self.outcome([.found(Self.id, Self.record("a", copy: 1))])) }
            removal.answered(Self.outcome([], .connectionLost))
            #expect(removal.next == nil)
            guard case .unreachable? = removal.results.first else {
                Issue.record("\(removal.results)")
                return
            }
        }
    }
}
