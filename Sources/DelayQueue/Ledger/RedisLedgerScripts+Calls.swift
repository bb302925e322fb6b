import HiredisClient
import NIOCore

extension RedisLedgerScripts {
    /// What answers a call.
    enum Answer: Sendable {
        case script(LedgerRequest.Operation.Kind)
        /// A plain `PEXPIRE`.
        case expiry
    }

    private static let expiry = RedisWords(["PEXPIRE"])

    /// Writes the call for a request.
    ///
    /// - Parameters:
    ///   - timing: of the request's timing.
    ///   - time: the script's last argument, where it does not decide by the server's clock.
    func append(
        _ request: LedgerRequest, _ timing: LedgerTimingWords, time: Timestamp?, to batch: inout RedisCallBatch
    ) -> Answer {
        let key = request.key.description
        let added = time == nil ? 0 : 1
        switch request.operation {
        case .claim(let owner, let copy, let kicks, let createsRecord):
            batch.begin(claim, key: key, arguments: 6 + added)
            batch.append(owner.description)
            Self.append(copy, to: &batch)
            Self.append(count: kicks, to: &batch)
            batch.append(createsRecord ? 1 : 0)
            batch.append(timing.leaseAndRetention)
        case .renew(let owner, let attempt, let failures):
            batch.begin(renew, key: key, arguments: 5 + added)
            batch.append(owner.description)
            Self.append(count: attempt, to: &batch)
            Self.append(count: failures, to: &batch)
            batch.append(timing.leaseAndRetention)
        case .complete(let owner, let attempt, let copies):
            batch.begin(complete, key: key, arguments: 3 + added)
            batch.append(owner.description)
            Self.append(count: attempt, to: &batch)
            batch.append(timing.retention(ofCopies: copies))
        case .retry(let owner, let attempt, let delay):
            let delay = max(delay, .zero)
            batch.begin(postpone, key: key, arguments: 5 + added)
            batch.append(owner.description)
            Self.append(count: attempt, to: &batch)
            batch.append(LedgerTimingWords.microseconds(delay))
            batch.append(1)
            batch.append(LedgerTimingWords.milliseconds(delay + request.timing.retentionOfLiveRecords))
        case .release(let owner, let attempt):
            batch.begin(postpone, key: key, arguments: 5 + added)
            batch.append(owner.description)
            Self.append(count: attempt, to: &batch)
            batch.append(0)
            batch.append(0)
            batch.append(timing.retention)
        case .bury(let owner, let attempt, let copy, let kicks, let replaced):
            batch.begin(bury, key: key, arguments: 6 + added)
            batch.append(owner.description)
            Self.append(count: attempt, to: &batch)
            Self.append(copy, to: &batch)
            Self.append(count: kicks, to: &batch)
            batch.append(timing.retention)
            Self.append(replaced, to: &batch)
        case .revoke(let fireDate, let copies):
            let fireTime = (try? Timestamp(fireDate)) ?? .latest
            batch.begin(revoke, key: key, arguments: 4 + added)
            batch.append(max(fireTime.microseconds, 0))
            Self.append(count: copies, to: &batch)
            batch.append(timing.retention(ofCopies: copies))
            batch.append(timing.grace)
        case .forget(let deleted, let copies) where deleted.coversAll(of: copies):
            // Nothing is left to be written down, and this costs the server a fifth of what a script does. (A script
            // that does it to 64 keys at once costs it a fifth more than 64 of these.)
            batch.begin(command: Self.expiry, key: key, arguments: 1)
            batch.append(timing.grace)
            batch.end()
            return .expiry
        case .forget(let deleted, let copies):
            batch.begin(forget, key: key, arguments: 4 + added)
            batch.append(deleted.description)
            Self.append(count: copies, to: &batch)
            batch.append(timing.retention(ofCopies: copies))
            batch.append(timing.grace)
        case .status:
            batch.begin(status, key: key, arguments: added)
        }
        if let time { batch.append(time.microseconds) }
        batch.end()
        return .script(request.operation.kind)
    }

    /// Whether a call can have been answered so.
    static func accepts(_ value: RedisValue, for answer: Answer) -> Bool {
        switch answer {
        case .expiry: if case .integer = value { true } else { false }
        case .script(let kind): reply(value).map { kind.allows($0) } ?? (value.string == unreadable)
        }
    }

    /// - Returns: nil for what neither a script nor `PEXPIRE` answers, or only about an unreadable record.
    static func reply(_ value: RedisValue) -> LedgerReply? {
        switch value {
        case .bulk(let bytes): bytes.withUnsafeReadableBytes { LedgerReply.parse($0) }
        case .integer(let count): count > 0 ? .forgotten : .absent
        default: nil
        }
    }

    /// Within what records hold; `-` for none.
    private static func append(count: Int?, to batch: inout RedisCallBatch) {
        guard let count else { return batch.append("-") }
        batch.append(Int64(min(max(count, 0), LedgerRecord.largestCount)))
    }

    private static func append(_ copy: CopyIdentity?, to batch: inout RedisCallBatch) {
        switch copy {
        case nil: batch.append("-")
        case .index(let index): batch.append(Int64(index))
        case .stored: batch.append(copy?.description ?? "-")
        }
    }
}
