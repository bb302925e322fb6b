import Beanstalk
import PipelinedTransport
import Testing

@testable import DelayQueue

@Suite("Taking jobs back")
struct JobRemovalTests {
    static func removal(
        _ rule: JobRemoval.Rule, _ answers: [FanOut.Answer], hasFreshID: Bool = true, hasLedger: Bool = true
    ) -> JobRemoval {
        let copies = answers.enumerated().map {
            FanOut.Copy(
                index: $0.offset, node: $0.offset, answer: $0.element,
                generation: rule == .withdrawal ? ConnectionGeneration(4) : nil)
        }
        let job = JobRemoval.Job(
            id: JobID(unchecked: "a"), key: key, fireTime: Timestamp(microseconds: 0), declaredCopies: 3,
            hasFreshID: hasFreshID, copies: copies)
        return JobRemoval([job], rule, hasLedger: hasLedger, timing: .init())
    }

    static let key = LedgerKey(queue: .default, id: JobID(unchecked: "a"))
    static let stored = FanOut.Answer.stored(BeanstalkJobID(7))
    static let refused = FanOut.Answer.refused(isNodesFault: true)

    /// The nodes answer all they are sent, as many as there are results, so that the deletes end that way.
    static func answer(_ removal: inout JobRemoval, _ results: CopyRemoval.Result...) {
        for (node, result) in results.enumerated() {
            while let command = removal.command(to: node) {
                removal.answered(by: node, outcome(of: command, copy: node, result))
            }
        }
        #expect(!removal.isDeleting)
    }

    private static func outcome(
        of command: CopyRemoval.Command, copy: Int, _ result: CopyRemoval.Result
    ) -> BatchOutcome<BeanstalkReply> {
        let reply: BeanstalkReply? =
            switch (command, result) {
            case (.peek, .gone): .notFound
            case (.peek, .deleted), (.peek, .reserved):
                .found(BeanstalkJobID(7), CopyRemovalTests.record("a", copy: copy))
            case (.delete, .deleted): .deleted
            case (.delete, .gone), (.delete, .reserved): .notFound
            case (_, .unreachable): nil
            }
        let failure = TransportError(.timedOut, address: .hostname("node", port: 1), mayHaveBeenSent: true)
        return BatchOutcome(
            replies: reply.map { [$0] } ?? [], failure: reply == nil ? failure : nil, generation: CopyRemovalTests.here)
    }

    static func ask(_ operations: LedgerRequest.Operation...) -> JobRemoval.Step {
        .ask(operations.map { LedgerRequest(key: key, operation: $0) })
    }

    static let mark = LedgerRequest.Operation.revoke(fireDate: Timestamp(microseconds: 0).date, copies: 3)

    // MARK: Jobs that were not accepted

    @Test func `a refused job is marked first, then deleted, then forgotten`() {
        var removal = Self.removal(.withdrawal, [Self.stored, .unknown, Self.refused])
        #expect(removal.next() == Self.ask(.status, Self.mark))
        removal.ledgerAnswered([.success(.absent), .success(.revoked)])
        #expect(removal.next() == .delete(nodes: [0]))
        #expect(removal.command(to: 0) == .delete([BeanstalkJobID(7)], on: ConnectionGeneration(4)))
        Self.answer(&removal, .deleted)
        #expect(removal.next() == Self.ask(.forget([0, 2], of: 3)))
        #expect(removal.next() == nil)
        #expect(removal.sequel(of: 0) == .none)
    }

    @Test func `an id that can come again is never marked`() {
        var removal = Self.removal(.withdrawal, [Self.stored, .unknown], hasFreshID: false)
        #expect(removal.next() == .delete(nodes: [0]))
        Self.answer(&removal, .deleted)
        #expect(removal.next() == nil)
        #expect(removal.sequel(of: 0) == .mayFire)
    }

    @Test func `what certainly wrote nothing needs nothing`() {
        var removal = Self.removal(.withdrawal, [Self.refused, Self.refused])
        #expect(removal.next() == nil)
        #expect(removal.sequel(of: 0) == .none)
    }

    @Test(arguments: [CopyRemoval.Result.gone, .reserved, .unreachable(NodeNotWrittenTo.isNotAnswering)])
    func `without a ledger a copy not deleted may still fire`(_ result: CopyRemoval.Result) {
        var removal = Self.removal(.withdrawal, [Self.stored], hasLedger: false)
        #expect(removal.next() == .delete(nodes: [0]))
        Self.answer(&removal, result)
        #expect(removal.next() == nil)
        #expect(removal.sequel(of: 0) == .mayFire)
    }

    @Test func `a mark the ledger did not confirm counts for nothing`() {
        var removal = Self.removal(.withdrawal, [Self.stored, .unknown])
        _ = removal.next()
        let away = DelayQueueError(.ledgerUnavailable, "away")
        removal.ledgerAnswered([.failure(away), .failure(away)])
        _ = removal.next()
        Self.answer(&removal, .deleted)
        #expect(removal.next() == nil)
        #expect(removal.sequel(of: 0) == .mayFire)
    }

    @Test func `without the ledger's word nobody knows whether it ran before its copies were deleted`() {
        var removal = Self.removal(.withdrawal, [Self.stored])
        _ = removal.next()
        removal.ledgerAnswered([.failure(DelayQueueError(.ledgerUnavailable, "away"))])
        _ = removal.next()
        Self.answer(&removal, .deleted)
        #expect(removal.sequel(of: 0) == .mayFire)
    }

    @Test(arguments: [
        (LedgerReply.held(for: .zero), LedgerReply.revoked, DelayQueueError.Sequel.mayHaveRun),
        (.waiting(for: .seconds(9)), .revoked, .mayHaveRun), (.held(for: .seconds(1)), .running, .hasRun),
        (.finished(.done), .alreadyDone, .hasRun), (.absent, .alreadyDone, .hasRun),
        (.finished(.dead), .revoked, .hasRun),
        (.finished(.revoked), .revoked, .mayFire),
    ])
    func `what a consumer had before has run, or may have`(
        _ expected: (LedgerReply, LedgerReply, DelayQueueError.Sequel)
    ) {
        var removal = Self.removal(.withdrawal, [Self.stored])
        _ = removal.next()
        removal.ledgerAnswered([.success(expected.0), .success(expected.1)])
        _ = removal.next()
        Self.answer(&removal, .deleted)
        #expect(removal.sequel(of: 0) == expected.2)
    }

    @Test(arguments: [
        (LedgerReply.withdrawn, DelayQueueError.Sequel.none), (.finished(.withdrawn), .mayHaveRun),
        (.held(for: .seconds(1)), .hasRun), (.finished(.done), .hasRun),
        (.scheduled(Timestamp(microseconds: 0)), .mayFire),
        (.waiting(for: .zero), .mayFire), (.absent, .mayFire),
    ])
    func `of an edition the ledger tells the same`(_ expected: (LedgerReply, DelayQueueError.Sequel)) {
        let job = JobRemoval.Job(
            id: JobID(unchecked: "a"), key: LedgerKey(queue: .default, id: JobID(unchecked: "a"), edition: .random()),
            fireTime: Timestamp(microseconds: 0), declaredCopies: 0, hasFreshID: false, copies: [])
        var removal = JobRemoval([job], .withdrawal, hasLedger: true, timing: .init())
        _ = removal.next()
        removal.ledgerAnswered([.success(expected.0)])
        #expect(removal.sequel(of: 0) == expected.1)
    }

    // MARK: An accepted job

    @Test func `a revoked job is marked first, then deleted, then forgotten`() throws {
        var removal = Self.removal(.revocation, [Self.stored, Self.stored])
        #expect(removal.next() == Self.ask(Self.mark))
        removal.ledgerAnswered([.success(.revoked)])
        #expect(removal.next() == .delete(nodes: [0, 1]))
        #expect(removal.command(to: 0) == .peek([BeanstalkJobID(7)]))
        Self.answer(&removal, .deleted, .reserved)
        #expect(removal.next() == Self.ask(.forget([0], of: 3)))
        #expect(removal.next() == nil)
        #expect(try removal.outcome.get() == .revoked)
    }

    @Test(arguments: [(LedgerReply.running, RevokeOutcome.alreadyRunning), (.alreadyDone, .alreadyDone)])
    func `what cannot be marked is left alone`(_ expected: (LedgerReply, RevokeOutcome)) throws {
        var removal = Self.removal(.revocation, [Self.stored, Self.stored])
        _ = removal.next()
        removal.ledgerAnswered([.success(expected.0)])
        #expect(removal.next() == nil)
        #expect(try removal.outcome.get() == expected.1)
    }

    @Test(arguments: [
        [.failure(DelayQueueError(.ledgerUnavailable, "away"))], [Result<LedgerReply, DelayQueueError>](),
    ])
    func `without the ledger's word no copy is touched`(_ results: [Result<LedgerReply, DelayQueueError>]) {
        var removal = Self.removal(.revocation, [Self.stored, Self.stored])
        _ = removal.next()
        removal.ledgerAnswered(results)
        #expect(removal.next() == nil)
        #expect(throws: DelayQueueError.self) { try removal.outcome.get() }
    }

    @Test(arguments: [
        ([CopyRemoval.Result.deleted, .deleted], RevokeOutcome.revoked), ([.gone, .gone], .alreadyDone),
        ([.deleted, .gone], .incomplete), ([.deleted, .reserved], .incomplete),
        ([.gone, .unreachable(NodeNotWrittenTo.isNotAnswering)], .incomplete),
    ])
    func `without a ledger the copies tell`(_ expected: ([CopyRemoval.Result], RevokeOutcome)) throws {
        var removal = Self.removal(.revocation, [Self.stored, Self.stored], hasLedger: false)
        #expect(removal.next() == .delete(nodes: [0, 1]))
        Self.answer(&removal, expected.0[0], expected.0[1])
        #expect(removal.next() == nil)
        #expect(try removal.outcome.get() == expected.1)
    }

    @Test func `without a ledger a copy of unknown outcome leaves it incomplete`() throws {
        var removal = Self.removal(.revocation, [Self.stored, .unknown], hasLedger: false)
        #expect(removal.next() == .delete(nodes: [0]))
        Self.answer(&removal, .deleted)
        #expect(try removal.outcome.get() == .incomplete)
    }
}
