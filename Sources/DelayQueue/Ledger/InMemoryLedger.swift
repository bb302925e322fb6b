package import Beanstalk
import NIOConcurrencyHelpers

/// A ledger in this process, by the same rules as `RedisLedger`.
///
/// For tests, and for programs whose only consumer is themselves: another process does not see it, and it is gone
/// when the process ends, so jobs that were done then may run again.
///
/// A lock, and not an actor: whoever asks is answered where it runs, in the same turn of its event loop.
public final class InMemoryLedger: JobLedger, LedgerCarrier {
    fileprivate struct Entry {
        var value: LedgerValue
        var expiry: Timestamp
    }

    fileprivate struct Board {
        var board: QueueBoard
        var expiry: Timestamp
    }

    fileprivate struct State {
        /// By keys that name no edition.
        var entries: [LedgerKey: Entry] = [:]
        /// By their keys.
        var boards: [LedgerKey: Board] = [:]
        var sizeToSweepAt = 1024
        var isClosed = false
    }

    private let clock: @Sendable () -> Timestamp
    private let state = NIOLockedValueBox(State())
    private let watchers = BoardWatchers()

    public convenience init() {
        self.init(clock: { .now() })
    }

    /// - Parameter clock: the civil time the ledger decides by.
    package init(clock: @escaping @Sendable () -> Timestamp) {
        self.clock = clock
    }

    public var access: LedgerAccess { LedgerAccess(self) }

    package func perform(_ requests: [LedgerRequest]) -> [Result<LedgerReply, DelayQueueError>] {
        let results: [Result<LedgerReply, DelayQueueError>] = state.withLockedValue { state in
            guard !state.isClosed else { return requests.map { _ in .failure(.ledgerClosed) } }
            let now = clock()
            return requests.map { .success(state.perform($0, now: now)) }
        }
        watchers.tell(of: requests)
        return results
    }

    package func board(of queue: TubeName) throws(DelayQueueError) -> (board: QueueBoard, now: Timestamp) {
        let now = clock()
        let (isClosed, known) = state.withLockedValue { ($0.isClosed, $0.boards[LedgerKey(boardOf: queue)]) }
        guard !isClosed else { throw .ledgerClosed }
        return (known.flatMap { $0.expiry > now ? $0.board : nil } ?? QueueBoard(), now)
    }

    package func watchBoard(of queue: TubeName, _ tell: @escaping @Sendable () -> Void) -> BoardWatch? {
        watchers.watch(queue, tell)
    }

    package func read(_ keys: [LedgerKey]) throws(DelayQueueError) -> [LedgerValue?] {
        guard !state.withLockedValue({ $0.isClosed }) else { throw .ledgerClosed }
        return keys.map { value(of: $0) }
    }

    package func deadRecords(
        of queue: TubeName
    ) throws(DelayQueueError) -> [(key: LedgerKey, record: LedgerRecord)] {
        let now = clock()
        let (isClosed, entries) = state.withLockedValue { ($0.isClosed, $0.entries) }
        guard !isClosed else { throw .ledgerClosed }
        return entries.compactMap { key, entry in
            entry.expiry > now ? entry.value.deadRecord(in: queue, key) : nil
        }
    }

    /// Lets go of every record. Requests after it fail with `closed`.
    public func close() async {
        state.withLockedValue { state in
            state.isClosed = true
            state.entries = [:]
            state.boards = [:]
        }
    }

    /// How many records there are, some of which may have run out.
    package var count: Int { state.withLockedValue { $0.entries.count } }

    /// The record of a key, unless it has run out.
    package func record(of key: LedgerKey) -> LedgerRecord? { value(of: key)?.record(of: key.edition) }

    /// What is under a key, unless it has run out.
    package func value(of key: LedgerKey) -> LedgerValue? { entry(of: key, at: clock())?.value }

    /// How long a record lasts from now; nil where there is none.
    package func lifetime(of key: LedgerKey) -> Duration? {
        let now = clock()
        return entry(of: key, at: now).map { now.duration(to: $0.expiry) }
    }

    /// How long a queue's board lasts from now; nil where there is none.
    package func lifetime(ofBoardOf queue: TubeName) -> Duration? {
        let now = clock()
        let known = state.withLockedValue { $0.boards[LedgerKey(boardOf: queue)] }
        return known.flatMap { $0.expiry > now ? now.duration(to: $0.expiry) : nil }
    }

    private func entry(of key: LedgerKey, at now: Timestamp) -> Entry? {
        state.withLockedValue { $0.entries[key.ofAnyEdition] }.flatMap { $0.expiry > now ? $0 : nil }
    }
}

extension InMemoryLedger.State {
    fileprivate mutating func perform(_ request: LedgerRequest, now: Timestamp) -> LedgerReply {
        if case .board(let operation) = request.operation { return perform(operation, on: request.key, now: now) }
        let key = request.key.ofAnyEdition
        let before = entries[key].flatMap { $0.expiry > now ? $0.value : nil }
        let transition = LedgerValue.apply(request, to: before, now: now)
        if let value = transition.value, let lifetime = transition.expiresIn {
            entries[key] = InMemoryLedger.Entry(value: value, expiry: now + lifetime)
            if entries.count >= sizeToSweepAt { sweep(now) }
        }
        return transition.reply
    }

    private mutating func perform(_ operation: BoardOperation, on key: LedgerKey, now: Timestamp) -> LedgerReply {
        let before = boards[key].flatMap { $0.expiry > now ? $0 : nil }
        let transition = QueueBoard.apply(operation, to: before?.board, now: now)
        boards[key] = transition.board.map { board in
            InMemoryLedger.Board(board: board, expiry: transition.expiresIn.map { now + $0 } ?? before?.expiry ?? now)
        }
        return transition.reply
    }

    /// Runs when the size has doubled, so that each record is looked at a bounded number of times.
    private mutating func sweep(_ now: Timestamp) {
        entries = entries.filter { $0.value.expiry > now }
        sizeToSweepAt = max(1024, entries.count * 2)
    }
}

extension DelayQueueError {
    fileprivate static let ledgerClosed = DelayQueueError(.closed, "the ledger was closed")
}
