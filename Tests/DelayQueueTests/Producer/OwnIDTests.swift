import Beanstalk
import PipelinedTransport
import Testing

@testable import DelayQueue

/// What a producer does with ids that callers choose, where there is a ledger.
@Suite struct OwnIDTests {
    private static func job(_ id: String, isReplacing: Bool = false) -> PreparedJob {
        let plain = ProducerWorld.job(id, isOwnID: true)
        return PreparedJob(
            id: plain.id, isOwnID: true,
            registration: .init(JobContent(date: plain.fireTime, digest: id), isReplacing: isReplacing),
            fireTime: plain.fireTime, timeToRun: 30, priority: 7, bodySize: 0, record: plain.record)
    }

    /// A call of one job, announced.
    private static func announced(_ copyMode: CopyMode = .together) throws -> (ProducerWorld, PreparedJob) {
        var world = try ProducerWorld(hasLedger: true, copyMode: copyMode)
        let job = job("a")
        world.core.call(1, [job])
        world.flush()
        #expect(world.sent.isEmpty)
        let request = try #require(world.asked.first?.requests.first)
        #expect(request.key.edition == job.registration?.edition)
        guard case .intend = request.operation else { throw Stray("\(request.operation)") }
        world.answerLedger(.success(.intended))
        return (world, job)
    }

    private struct Stray: Error {
        let what: String
        init(_ what: String) { self.what = what }
    }

    private static func operations(_ world: ProducerWorld) -> [LedgerRequest.Operation] {
        world.asked.flatMap(\.requests).map(\.operation)
    }

    @Test func `a job is accepted once the ledger has confirmed it`() throws {
        var (world, job) = try Self.announced()
        world.answer(0, .stored(1))
        world.answer(1, .stored(1))
        world.answer(2, .stored(1))
        #expect(world.answers.isEmpty)
        guard case .confirm = try #require(Self.operations(world).first) else { throw Stray("") }
        world.answerLedger(.success(.confirmed))
        let receipt = try #require(world.receipts(of: 1).first)
        #expect(receipt.edition == job.registration?.edition && !receipt.wasScheduledBefore)
        #expect(try Receipt(parsing: receipt.description).ledgerKey == receipt.ledgerKey)
        #expect(world.core.isIdle)
    }

    @Test func `with standbys the ledger is asked before the lead is put, and once`() throws {
        var (world, _) = try Self.announced(.standby)
        let nodes = Set(world.sent.map(\.node))
        #expect(nodes.count == 2)
        for node in nodes { world.answer(node, .stored(1)) }
        #expect(Self.operations(world).count == 1)
        let lead = try #require(world.sent.first)
        world.answerLedger(.success(.confirmed))
        #expect(world.receipts(of: 1).count == 1)
        world.answer(lead.node, .stored(2))
        #expect(world.asked.isEmpty && world.core.isIdle)
    }

    @Test func `the same again is told without a write`() throws {
        var world = try ProducerWorld(hasLedger: true)
        let date = CoreWorld.start + .seconds(5)
        world.core.call(1, [Self.job("a")])
        world.flush()
        world.answerLedger(.success(.same(JobEdition(7), date)))
        let receipt = try #require(world.receipts(of: 1).first)
        #expect(receipt.wasScheduledBefore && receipt.placements.isEmpty && receipt.edition == JobEdition(7))
        #expect(receipt.fireTime == date)
        #expect(try Receipt(parsing: receipt.description) == receipt)
        #expect(world.sent.isEmpty && world.core.isIdle)
    }

    @Test(arguments: [
        (LedgerReply.taken(until: CoreWorld.start), DelayQueueError.Code.idTaken), (.held(for: .seconds(1)), .idTaken),
        (.full, .idTaken), (.finished(.revoked), .jobFinished), (.finished(.done), .jobFinished),
        (.finished(.dead), .jobFinished), (.finished(.withdrawn), .idTaken), (.settled, .ledgerRecordUnreadable),
    ])
    func `what is in the way is told, and nothing is written`(
        _ reply: LedgerReply, _ code: DelayQueueError.Code
    ) throws {
        var world = try ProducerWorld(hasLedger: true)
        world.core.call(1, [Self.job("a")])
        world.flush()
        world.answerLedger(.success(reply))
        #expect(world.errors(of: 1).map(\.code) == [code])
        #expect(world.errors(of: 1).first?.mayStillFire == (reply == .finished(.withdrawn)))
        #expect(world.sent.isEmpty && world.core.isIdle)
    }

    /// Another call was quicker.
    @Test(arguments: [LedgerReply.taken(until: CoreWorld.start), .same(JobEdition(7), CoreWorld.start)])
    func `what was written of a job that the ledger refuses goes again`(_ reply: LedgerReply) throws {
        var (world, _) = try Self.announced()
        for node in 0..<3 { world.answer(node, .stored(UInt64(node + 1))) }
        world.answerLedger(.success(reply))
        if case .same = reply {
            #expect(world.receipts(of: 1).first?.wasScheduledBefore == true)
        } else {
            #expect(world.errors(of: 1).map(\.code) == [.idTaken])
        }
        #expect(!world.core.isIdle, "close waits for this")
        guard case .withdraw = try #require(Self.operations(world).first) else { throw Stray("") }
        world.answerLedger(.success(.withdrawn))
        for node in 0..<3 {
            #expect(world.commands(to: node).first?.deletes == [BeanstalkJobID(UInt64(node + 1))])
            world.answer(node, .deleted)
        }
        #expect(world.core.isIdle)
    }

    @Test func `a lead that is stored after the ledger has refused its job goes too`() throws {
        var (world, _) = try Self.announced(.standby)
        for node in Set(world.sent.map(\.node)) { world.answer(node, .stored(1)) }
        world.answerLedger(.success(.taken(until: CoreWorld.start)))
        world.answerLedger(.success(.withdrawn))
        let lead = try #require(world.sent.first { $0.write != nil })
        world.answer(lead.node, .stored(9))
        world.answerLedger(.success(.withdrawn))
        #expect(world.commands(to: lead.node).contains { $0.deletes == [BeanstalkJobID(9)] })
    }

    @Test func `a lead that is stored before the ledger refuses its job goes too`() throws {
        var (world, _) = try Self.announced(.standby)
        for node in Set(world.sent.map(\.node)) { world.answer(node, .stored(1)) }
        let lead = try #require(world.sent.first)
        world.answer(lead.node, .stored(9))
        world.answerLedger(.success(.taken(until: CoreWorld.start)))
        world.answerLedger(.success(.withdrawn))
        #expect(world.commands(to: lead.node).contains { $0.deletes == [BeanstalkJobID(9)] })
    }

    @Test func `where the ledger does not answer, nothing is deleted and the caller is told`() throws {
        var (world, _) = try Self.announced()
        for node in 0..<3 { world.answer(node, .stored(1)) }
        world.answerLedger(.failure(DelayQueueError(.ledgerUnavailable, "away", isRetriable: true)))
        let error = try #require(world.errors(of: 1).first)
        #expect(error.code == .ledgerUnavailable && error.mayStillFire && error.isRetriable)
        #expect(world.sent.isEmpty && world.asked.isEmpty && world.core.isIdle)
    }

    @Test func `of a job that too few nodes stored the announcement is taken back`() throws {
        var (world, _) = try Self.announced()
        world.answer(0, .stored(1))
        world.answer(1, failing: .connectFailed, mayHaveBeenSent: false)
        world.answer(2, failing: .connectFailed, mayHaveBeenSent: false)
        guard case .withdraw = try #require(Self.operations(world).first) else { throw Stray("") }
        world.answerLedger(.success(.withdrawn))
        world.answer(0, .deleted)
        let error = try #require(world.errors(of: 1).first)
        #expect(error.code == .insufficientCopies && !error.mayStillFire)
        #expect(world.core.isIdle)
    }

    @Test func `without the ledger's word nothing of a refused job is deleted`() throws {
        var (world, _) = try Self.announced()
        world.answer(0, .stored(1))
        world.answer(1, failing: .connectFailed, mayHaveBeenSent: false)
        world.answer(2, failing: .connectFailed, mayHaveBeenSent: false)
        world.answerLedger(.failure(DelayQueueError(.ledgerUnavailable, "away", isRetriable: true)))
        let error = try #require(world.errors(of: 1).first)
        #expect(error.code == .insufficientCopies && error.mayStillFire)
        #expect(world.sent.isEmpty && world.core.isIdle)
    }

    @Test func `a copy that is stored late is left for the ledger to decide about`() throws {
        var (world, _) = try Self.announced()
        world.answer(0, .stored(1))
        world.answer(1, .stored(1))
        world.advance(by: .seconds(1))
        let put = world.answer(2, failing: .timedOut)
        world.answerLedger(.success(.taken(until: CoreWorld.start)))
        let mustGo = world.core.arrivedLate(try #require(put), at: 0, .stored(5))
        #expect(!mustGo)
    }

    @Test(arguments: [true, false])
    func `a caller who has gone leaves no announcement`(_ isAnswered: Bool) throws {
        var world = try ProducerWorld(hasLedger: true)
        world.core.call(1, [Self.job("a")])
        if isAnswered {
            // Answered, and not written yet.
            let action = world.core.takeActions().first
            guard case .ask(_, let question)? = action else { throw Stray("") }
            world.core.ledgerAnswered(question, [.success(.intended)], sentAt: world.now, now: world.now)
            world.cancel(1)
        } else {
            world.cancel(1)
            world.answerLedger(.success(.intended))
        }
        #expect(world.errors(of: 1).map(\.code) == [.cancelled])
        guard case .withdraw = try #require(Self.operations(world).first) else { throw Stray("") }
        world.answerLedger(.success(.withdrawn))
        #expect(world.sent.isEmpty && world.core.isIdle)
    }

    @Test func `an id is revoked without a receipt`() throws {
        for (reply, outcome) in [
            (LedgerReply.revoked, RevokeOutcome.revoked), (.absent, .unknown), (.running, .alreadyRunning),
            (.alreadyDone, .alreadyDone),
        ] {
            var world = try ProducerWorld(hasLedger: true)
            world.core.revoke(1, JobID(unchecked: "a"))
            world.flush()
            #expect(world.asked.first?.requests.map(\.key) == [LedgerKey(queue: .default, id: JobID(unchecked: "a"))])
            world.answerLedger(.success(reply))
            #expect(try world.revocations[1]?.get() == outcome)
            #expect(world.sent.isEmpty && world.asked.isEmpty)
        }
        var world = try ProducerWorld()
        world.core.revoke(1, JobID(unchecked: "a"))
        world.flush()
        #expect(throws: DelayQueueError.self) { try world.revocations[1]?.get() }
    }
}
