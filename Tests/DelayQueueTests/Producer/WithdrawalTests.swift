import Beanstalk
import PipelinedTransport
import Testing

@testable import DelayQueue

@Suite("Taking back a refused job")
struct WithdrawalTests {
    static func withdrawal(
        _ answers: [FanOut.Answer], hasFreshID: Bool = true, hasLedger: Bool = true
    ) -> Withdrawal {
        let copies = answers.enumerated().map { FanOut.Copy(index: $0.offset, node: $0.offset, answer: $0.element) }
        var generations = PerNode<ConnectionGeneration>()
        generations[0] = ConnectionGeneration(4)
        return Withdrawal(
            [Withdrawal.Job(id: JobID(unchecked: "a"), hasFreshID: hasFreshID, copies: copies)],
            generations: generations, hasLedger: hasLedger)
    }

    static let stored = FanOut.Answer.stored(BeanstalkJobID(7))
    static let refused = FanOut.Answer.refused(isNodesFault: true)
    static let target = CopyRemoval.Target(
        node: 0, id: BeanstalkJobID(7), jobID: JobID(unchecked: "a"), copy: 0, generation: ConnectionGeneration(4))

    @Test func `it is marked first, then deleted, then forgotten`() {
        var withdrawal = Self.withdrawal([Self.stored, .unknown, Self.refused])
        #expect(withdrawal.next() == .mark([0]))
        withdrawal.marked([0], [.success(.absent), .success(.revoked)])
        #expect(withdrawal.next() == .remove([Self.target]))
        withdrawal.removed([.deleted])
        #expect(withdrawal.next() == .forget([0: [2, 0]]))
        #expect(withdrawal.next() == nil)
        #expect(!withdrawal.mayStillFire(0))
    }

    @Test func `an id that can come again is never marked`() {
        var withdrawal = Self.withdrawal([Self.stored, .unknown], hasFreshID: false)
        #expect(withdrawal.next() == .remove([Self.target]))
        withdrawal.removed([.deleted])
        #expect(withdrawal.next() == nil)
        #expect(withdrawal.mayStillFire(0))
    }

    @Test func `what certainly wrote nothing needs nothing`() {
        var withdrawal = Self.withdrawal([Self.refused, Self.refused])
        #expect(withdrawal.next() == nil)
        #expect(!withdrawal.mayStillFire(0))
    }

    @Test(arguments: [CopyRemoval.Result.gone, .reserved, .unreachable(NodeNotAnswering())])
    func `without a ledger a copy not deleted may still fire`(_ result: CopyRemoval.Result) {
        var withdrawal = Self.withdrawal([Self.stored], hasLedger: false)
        #expect(withdrawal.next() == .remove([Self.target]))
        withdrawal.removed([result])
        #expect(withdrawal.next() == nil)
        #expect(withdrawal.mayStillFire(0))
    }

    @Test func `a mark the ledger did not confirm counts for nothing`() {
        var withdrawal = Self.withdrawal([Self.stored, .unknown])
        _ = withdrawal.next()
        let away = DelayQueueError(.ledgerUnavailable, "away")
        withdrawal.marked([0], [.failure(away), .failure(away)])
        _ = withdrawal.next()
        withdrawal.removed([.deleted])
        #expect(withdrawal.next() == nil)
        #expect(withdrawal.mayStillFire(0))
    }

    @Test(arguments: [
        (LedgerReply.held(for: .zero), LedgerReply.revoked), (.held(for: .seconds(1)), .running),
        (.finished(.done), .alreadyDone),
    ])
    func `what a consumer had before may have run`(_ replies: (LedgerReply, LedgerReply)) {
        var withdrawal = Self.withdrawal([Self.stored])
        _ = withdrawal.next()
        withdrawal.marked([0], [.success(replies.0), .success(replies.1)])
        _ = withdrawal.next()
        withdrawal.removed([.deleted])
        #expect(withdrawal.mayStillFire(0))
    }
}
