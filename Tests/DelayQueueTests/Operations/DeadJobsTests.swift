import Beanstalk
import DelayQueue
import Logging
import NIOConcurrencyHelpers
import Testing

/// Decisions about dead jobs, where no node has to be asked.
@Suite("Dead jobs in the ledger")
struct DeadJobsInTheLedgerTests {
    /// Carries requests out and then, for so many, says that it did not answer.
    private final class LosingLedger: JobLedger, LedgerCarrier {
        let ledger: InMemoryLedger
        private let losses: NIOLockedValueBox<Int>

        init(_ ledger: InMemoryLedger, losses: Int) {
            self.ledger = ledger
            self.losses = NIOLockedValueBox(losses)
        }

        var access: LedgerAccess { LedgerAccess(self) }

        func perform(_ requests: [LedgerRequest]) async -> [Result<LedgerReply, DelayQueueError>] {
            let results = ledger.perform(requests)
            let isLost = losses.withLockedValue { losses in
                defer { losses -= 1 }
                return losses > 0
            }
            guard isLost else { return results }
            return results.map { _ in .failure(DelayQueueError(.ledgerUnavailable, "no answer", isRetriable: true)) }
        }

        func read(_ keys: [LedgerKey]) async throws(DelayQueueError) -> [LedgerValue?] {
            try ledger.read(keys)
        }

        func board(of queue: TubeName) async throws(DelayQueueError) -> (board: QueueBoard, now: Timestamp) {
            try ledger.board(of: queue)
        }

        func deadRecords(
            of queue: TubeName
        ) async throws(DelayQueueError) -> [(key: LedgerKey, record: LedgerRecord)] {
            try ledger.deadRecords(of: queue)
        }

        func close() async { await ledger.close() }
    }

    private let clock = ManualClock()
    private let nodes: [BeanstalkNode]

    init() throws {
        nodes = [try BeanstalkNode("127.0.0.1:1")]
    }

    private func die(_ key: LedgerKey, in ledger: InMemoryLedger, queue: TubeName? = nil) async throws {
        let owner = ClaimOwner.random()
        let report = DeathReport(reason: "x", consumer: "c", queue: queue)
        for operation in [LedgerRequest.Operation.claim(owner), .bury(owner, attempt: 1, report)] {
            _ = try await ledger.perform(LedgerRequest(key: key, operation: operation))
        }
    }

    @Test func `the record of a dropped job lasts as long as that of any other`() async throws {
        let ledger = InMemoryLedger(clock: { [clock] in clock.now })
        let operations = try QueueOperations(nodes: nodes, ledger: ledger)
        let id = try JobID("a")
        let key = LedgerKey(queue: .default, id: id)
        try await die(key, in: ledger)
        #expect(try await operations.drop(id))
        clock.advance(by: day * 6)
        #expect(
            try await ledger.perform(LedgerRequest(key: key, operation: .claim(.random()))) == .finished(.revoked))

        var configuration = JobQueueConfiguration()
        configuration.timing.retentionOfUnknownCopies = day * 30
        let patient = try QueueOperations(nodes: nodes, ledger: ledger, configuration: configuration)
        let other = LedgerKey(queue: .default, id: try JobID("b"))
        try await die(other, in: ledger)
        #expect(try await patient.drop(JobID("b")))
        clock.advance(by: day * 29)
        #expect(ledger.record(of: other) != nil)
    }

    @Test(arguments: [0, 1, 3])
    func `a replay whose answer is lost is asked for again`(losses: Int) async throws {
        let ledger = InMemoryLedger()
        let operations = try QueueOperations(nodes: nodes, ledger: LosingLedger(ledger, losses: losses))
        let id = try JobID("a")
        try await die(LedgerKey(queue: .default, id: id), in: ledger)
        #expect(try await operations.replay(id) == 0)
        #expect(try await operations.replay(id) == nil)
    }

    @Test func `a job of another queue is not found`() async throws {
        let ledger = InMemoryLedger()
        let operations = try QueueOperations(nodes: nodes, ledger: ledger)
        let queue = try TubeName(validating: "other")
        try await die(LedgerKey(queue: queue, id: try JobID("a")), in: ledger)
        let md5 = try JobID("eed9ca1b2163fe2e61f74cd7c1475c7a")
        try await die(LedgerKey(goQueue: md5), in: ledger, queue: queue)
        for id in ["a", "dq:other:a", md5.description] {
            #expect(try await operations.deadJob(JobID(id)) == nil)
            #expect(try await operations.drop(JobID(id)) == false)
        }
        #expect(try await operations.deadJobs().isEmpty)
        let others = try QueueOperations(nodes: nodes, ledger: ledger, queue: "other")
        #expect(try await Set(others.deadJobs().map(\.id.description)) == ["a", md5.description])
    }

    @Test func `nodes under other names than the consumers' are refused before anything is changed`() async throws {
        let ledger = InMemoryLedger()
        let operations = try QueueOperations(nodes: nodes, ledger: ledger)
        let id = try JobID("a")
        let key = LedgerKey(queue: .default, id: id)
        try await die(key, in: ledger)
        let place = StoredCopy(try BeanstalkNode("localhost:1").address, BeanstalkJobID(1))
        _ = try await ledger.perform(LedgerRequest(key: key, operation: .noteCopies([place])))
        let error = await #expect(throws: DelayQueueError.self) { try await operations.replay(id) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("localhost:1") == true && error?.message.contains("127.0.0.1:1") == true)
        #expect(try await operations.deadJob(id) != nil)
    }

    @Test func `what is wrong with the settings is told`() throws {
        var configuration = JobQueueConfiguration()
        configuration.timing.lease = .zero
        let error = #expect(throws: DelayQueueError.self) {
            try QueueOperations(nodes: nodes + nodes, ledger: InMemoryLedger(), configuration: configuration)
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("more than once") == true && error?.message.contains("lease") == true)
    }
}
