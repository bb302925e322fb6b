import Beanstalk
import PipelinedTransport
import Testing

@testable import DelayQueue

@Suite("Revoking an accepted job")
struct RevocationTests {
    static let nodes = (0..<2).map { BeanstalkNode(address: .hostname("node", port: $0)) }

    static func revocation(hasLedger: Bool, ids: [UInt64?] = [7, 8]) -> Revocation {
        let receipt = Receipt(
            jobID: JobID(unchecked: "a"), fireTime: Timestamp(microseconds: 0), queue: .default, hasOwnID: false,
            format: .native, copies: 2,
            placements: ids.enumerated().map {
                .init(node: nodes[$0.offset], index: $0.offset, id: $0.element.map { BeanstalkJobID($0) })
            })
        return Revocation(receipt, nodes: nodes, hasLedger: hasLedger)
    }

    static func target(_ node: Int, _ id: UInt64) -> CopyRemoval.Target {
        .init(node: node, id: BeanstalkJobID(id), jobID: JobID(unchecked: "a"), copy: node, generation: nil)
    }

    @Test func `it is marked first, then deleted, then forgotten`() throws {
        var revocation = Self.revocation(hasLedger: true)
        #expect(revocation.next() == .mark)
        revocation.marked(.success(.revoked))
        #expect(revocation.next() == .remove([Self.target(0, 7), Self.target(1, 8)]))
        revocation.removed([.deleted, .reserved])
        #expect(revocation.next() == .forget([0]))
        #expect(revocation.next() == nil)
        #expect(try revocation.outcome.get() == .revoked)
    }

    @Test(arguments: [(LedgerReply.running, RevokeOutcome.alreadyRunning), (.alreadyDone, .alreadyDone)])
    func `what cannot be marked is left alone`(_ expected: (LedgerReply, RevokeOutcome)) throws {
        var revocation = Self.revocation(hasLedger: true)
        _ = revocation.next()
        revocation.marked(.success(expected.0))
        #expect(revocation.next() == nil)
        #expect(try revocation.outcome.get() == expected.1)
    }

    @Test func `without the ledger's word no copy is touched`() {
        var revocation = Self.revocation(hasLedger: true)
        _ = revocation.next()
        revocation.marked(.failure(DelayQueueError(.ledgerUnavailable, "away")))
        #expect(revocation.next() == nil)
        #expect(throws: DelayQueueError.self) { try revocation.outcome.get() }
    }

    @Test(arguments: [
        ([CopyRemoval.Result.deleted, .deleted], RevokeOutcome.revoked), ([.gone, .gone], .alreadyDone),
        ([.deleted, .gone], .incomplete), ([.deleted, .reserved], .incomplete),
        ([.gone, .unreachable(NodeNotAnswering())], .incomplete),
    ])
    func `without a ledger the copies tell`(_ expected: ([CopyRemoval.Result], RevokeOutcome)) throws {
        var revocation = Self.revocation(hasLedger: false)
        #expect(revocation.next() == .remove([Self.target(0, 7), Self.target(1, 8)]))
        revocation.removed(expected.0)
        #expect(revocation.next() == nil)
        #expect(try revocation.outcome.get() == expected.1)
    }

    @Test func `without a ledger a copy of unknown outcome leaves it incomplete`() throws {
        var revocation = Self.revocation(hasLedger: false, ids: [7, nil])
        #expect(revocation.next() == .remove([Self.target(0, 7)]))
        revocation.removed([.deleted])
        #expect(try revocation.outcome.get() == .incomplete)
    }
}
