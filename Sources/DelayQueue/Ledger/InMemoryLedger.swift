package import Beanstalk

/// A ledger in this process, by the same rules as `RedisLedger`.
///
/// For tests, and for programs whose only consumer is themselves: another process does not see it, and it is gone
/// when the process ends, so jobs that were done then may run again.
public actor InMemoryLedger: JobLedger, LedgerCarrier {
    private struct Entry {
        var record: LedgerRecord
        var expiry: Timestamp
    }

    private let clock: @Sendable () -> Timestamp
    private var entries: [LedgerKey: Entry] = [:]
    private var sizeToSweepAt = 1024
    private var isClosed = false

    public init() {
        self.init(clock: { .now() })
    }

    /// - Parameter clock: the civil time the ledger decides by.
    package init(clock: @escaping @Sendable () -> Timestamp) {
        self.clock = clock
    }

    public nonisolated var access: LedgerAccess { LedgerAccess(self) }

    package func perform(_ requests: [LedgerRequest]) -> [Result<LedgerReply, DelayQueueError>] {
        guard !isClosed else {
            return requests.map { _ in .failure(DelayQueueError(.closed, "the ledger was closed")) }
        }
        let now = clock()
        return requests.map { .success(perform($0, now: now)) }
    }

    package func read(_ keys: [LedgerKey]) throws(DelayQueueError) -> [LedgerRecord?] {
        guard !isClosed else { throw DelayQueueError(.closed, "the ledger was closed") }
        return keys.map { record(of: $0) }
    }

    package func deadRecords(
        of queue: TubeName
    ) throws(DelayQueueError) -> [(key: LedgerKey, record: LedgerRecord)] {
        guard !isClosed else { throw DelayQueueError(.closed, "the ledger was closed") }
        let now = clock()
        let dead = entries.filter { $0.value.expiry > now && $0.value.record.isDead(in: queue, $0.key) }
        return dead.map { ($0.key, $0.value.record) }
    }

    /// Lets go of every record. Requests after it fail with `closed`.
    public func close() {
        isClosed = true
        entries = [:]
    }

    /// How many records there are, some of which may have run out.
    package var count: Int { entries.count }

    /// The record of a key, unless it has run out.
    package func record(of key: LedgerKey) -> LedgerRecord? {
        let now = clock()
        return entries[key].flatMap { $0.expiry > now ? $0.record : nil }
    }

    /// How long a record lasts from now; nil where there is none.
    package func lifetime(of key: LedgerKey) -> Duration? {
        let now = clock()
        return entries[key].flatMap { $0.expiry > now ? now.duration(to: $0.expiry) : nil }
    }

    private func perform(_ request: LedgerRequest, now: Timestamp) -> LedgerReply {
        let before = entries[request.key].flatMap { $0.expiry > now ? $0.record : nil }
        let transition = LedgerRecord.apply(request, to: before, now: now)
        if let record = transition.record, let lifetime = transition.expiresIn {
            entries[request.key] = Entry(record: record, expiry: now + lifetime)
            if entries.count >= sizeToSweepAt { sweep(now) }
        }
        return transition.reply
    }

    /// Runs when the size has doubled, so that each record is looked at a bounded number of times.
    private func sweep(_ now: Timestamp) {
        entries = entries.filter { $0.value.expiry > now }
        sizeToSweepAt = max(1024, entries.count * 2)
    }
}
