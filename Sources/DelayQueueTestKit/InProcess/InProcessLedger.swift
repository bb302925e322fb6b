import Beanstalk
import DelayQueue
import Foundation
import NIOConcurrencyHelpers
import PipelinedTransport

/// A ledger in this process, by the rules of all others, that a test can take away. It writes down what ran.
struct InProcessLedger: JobLedger, LedgerCarrier {
    enum Condition {
        case up
        /// It refuses connections.
        case down
        /// It answers nothing.
        case hung
    }

    fileprivate struct State {
        var condition = Condition.up
        var records: InMemoryLedger
        var runs: [TestRun] = []
        /// Where in `runs` those are that have not ended, by job and attempt.
        var running: [String: Int] = [:]
    }

    /// How long `RedisLedger` waits for an answer.
    private static let patience = Duration.seconds(5)

    private let clock: TestClock
    private let state: NIOLockedValueBox<State>
    private let watchers = BoardWatchers()

    init(clock: TestClock) {
        self.clock = clock
        state = NIOLockedValueBox(State(records: Self.emptyRecords(clock)))
    }

    private static func emptyRecords(_ clock: TestClock) -> InMemoryLedger {
        InMemoryLedger(clock: { clock.read().wall })
    }

    // MARK: For the test

    var condition: Condition {
        get { state.withLockedValue { $0.condition } }
        nonmutating set { state.withLockedValue { $0.condition = newValue } }
    }

    /// Loses every record.
    func wipe() {
        state.withLockedValue { $0.records = Self.emptyRecords(clock) }
        watchers.tellAll()
    }

    var runs: [TestRun] { state.withLockedValue { $0.runs } }

    // MARK: LedgerCarrier

    var access: LedgerAccess { LedgerAccess(self) }

    func close() {}

    func perform(_ requests: [LedgerRequest]) async -> [Result<LedgerReply, DelayQueueError>] {
        do {
            let records = try await reach()
            let results = records.perform(requests)
            state.withLockedValue { state in
                for (request, result) in zip(requests, results) {
                    if case .success(let reply) = result { state.note(request, reply, at: clock.date) }
                }
            }
            watchers.tell(of: requests)
            return results
        } catch {
            return requests.map { _ in .failure(error) }
        }
    }

    func read(_ keys: [LedgerKey]) async throws(DelayQueueError) -> [LedgerValue?] {
        try await reach().read(keys)
    }

    func board(of queue: TubeName) async throws(DelayQueueError) -> (board: QueueBoard, now: Timestamp) {
        try await reach().board(of: queue)
    }

    func watchBoard(of queue: TubeName, _ tell: @escaping @Sendable () -> Void) -> BoardWatch? {
        watchers.watch(queue, tell)
    }

    func deadRecords(
        of queue: TubeName
    ) async throws(DelayQueueError) -> [(key: LedgerKey, record: LedgerRecord)] {
        try await reach().deadRecords(of: queue)
    }

    private func reach() async throws(DelayQueueError) -> InMemoryLedger {
        let (condition, records) = state.withLockedValue { ($0.condition, $0.records) }
        switch condition {
        case .up: return records
        case .down: throw DelayQueueError(.ledgerUnavailable, "the test took the ledger away")
        case .hung:
            // On the loop's timer and not on the clock, where whoever sleeps counts as a handler at rest.
            await clock.eventLoop.wait(for: Self.patience)
            throw Task.isCancelled
                ? DelayQueueError(.cancelled, "the wait for the ledger was cancelled")
                : DelayQueueError(.ledgerUnavailable, "the test made the ledger hang")
        }
    }
}

extension InProcessLedger.State {
    fileprivate mutating func note(_ request: LedgerRequest, _ reply: LedgerReply, at date: Date) {
        let job = request.key.jobID
        switch (request.operation, reply) {
        case (.claim, .granted(let attempt, _)):
            let name = "\(job) \(attempt)"
            guard running[name] == nil else { return }
            running[name] = runs.count
            runs.append(TestRun(jobID: job, attempt: attempt, claimed: date))
        case (.complete(_, let attempt, _), .settled): end(job, attempt, .completed, date)
        case (.retry(_, let attempt, let delay), .settled): end(job, attempt, .retried(after: delay), date)
        case (.release(_, let attempt, let delay), .settled): end(job, attempt, .givenBack(after: delay), date)
        case (.bury(_, let attempt, let report), .settled): end(job, attempt, .buried(report.reason), date)
        case (.endLease(_, let attempt, _), .waiting): end(job, attempt, .leaseEnded, date)
        default: break
        }
    }

    private mutating func end(_ job: JobID, _ attempt: Int, _ outcome: TestRun.Outcome, _ date: Date) {
        guard let index = running.removeValue(forKey: "\(job) \(attempt)") else { return }
        runs[index].outcome = outcome
        runs[index].ended = date
    }
}
