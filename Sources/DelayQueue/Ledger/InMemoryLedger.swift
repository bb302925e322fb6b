package import Beanstalk

/// A ledger in this process, by the same rules as `RedisLedger`.
///
/// For tests, and for programs whose only consumer is themselves: another process does not see it, and it is gone
/// when the process ends, so jobs that were done then may run again.
public actor InMemoryLedger: JobLedger, LedgerCarrier {
    private struct Entry {
        var value: LedgerValue
        var expiry: Timestamp
    }

    private let clock: @Sendable () -> Timestamp
    /// By keys that name no edition.
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

    package func read(_ keys: [LedgerKey]) throws(DelayQueueError) -> [LedgerValue?] {
        guard !isClosed else { throw DelayQueueError(.closed, "the ledger was closed") }
        return keys.map { value(of: $0) }
    }

    package func deadRecords(
        of queue: TubeName
    ) throws(DelayQueueError) -> [(key: LedgerKey, record: LedgerRecord)] {
        guard !isClosed else { throw DelayQueueError(.closed, "the ledger was closed") }
        let now = clock()
        return entries.compactMap { key, entry in
            entry.expiry > now ? entry.value.deadRecord(in: queue, key) : nil
        }
    }

    /// Lets go of every record. Requests after it fail with `closed`.
    public func close() {
        isClosed = true
        entries = [:]
    }

    /// How many records there are, some of which may have run out.
    package var count: Int { entries.count }

    /// The record of a key, unless it has run out.
    package func record(of key: LedgerKey) -> LedgerRecord? { value(of: key)?.record(of: key.edition) }

    /// What is under a key, unless it has run out.
    package func value(of key: LedgerKey) -> LedgerValue? {
        let now = clock()
        return entries[key.ofAnyEdition].flatMap { $0.expiry > now ? $0.value : nil }
    }

    /// How long a record lasts from now; nil where there is none.
    package func lifetime(of key: LedgerKey) -> Duration? {
        let now = clock()
        return entries[key.ofAnyEdition].flatMap { $0.expiry > now ? now.duration(to: $0.expiry) : nil }
    }

    private func perform(_ request: LedgerRequest, now: Timestamp) -> LedgerReply {
        let key = request.key.ofAnyEdition
        let before = entries[key].flatMap { $0.expiry > now ? $0.value : nil }
        let transition = LedgerValue.apply(request, to: before, now: now)
        if let value = transition.value, let lifetime = transition.expiresIn {
            entries[key] = Entry(value: value, expiry: now + lifetime)
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
