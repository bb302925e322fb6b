import HiredisClient
import NIOCore

/// Requests as calls of ``RedisLedgerScript``, and what answers them.
enum RedisLedgerCall {
    private static let expiry = EncodedWords(["PEXPIRE"])
    private static let memoryOfBoards = LedgerTimingWords.milliseconds(QueueBoard.memory)
    private static let retentionOfDeadJobs = LedgerTimingWords.milliseconds(LedgerTiming.retentionOfDeadJobs)

    /// The tag of a `PEXPIRE`. Calls of scripts are tagged with the raw value of their request's kind, which is never
    /// this.
    private static let expiryTag = UInt8.max

    /// Writes the call for a request.
    ///
    /// - Parameters:
    ///   - timing: the words of the request's timing.
    ///   - time: the script's last argument, where it does not decide by the server's clock.
    static func append(
        _ request: LedgerRequest, _ timing: LedgerTimingWords, time: Timestamp?, to batch: inout RedisBatch
    ) {
        func begin(_ script: RedisLedgerScript) {
            batch.begin(
                script: script.rawValue, key: request.key.description,
                arguments: script.arguments + (request.key.edition == nil ? 0 : 1) + (time == nil ? 0 : 1),
                tag: request.operation.kind.rawValue)
        }
        func appendPostponing(_ owner: ClaimOwner, _ attempt: Int, by delay: Duration, addingFailures count: Int64) {
            let delay = max(delay, .zero)
            begin(.postpone)
            batch.append(owner.description)
            append(count: attempt, to: &batch)
            batch.append(LedgerTimingWords.microseconds(delay))
            batch.append(count)
            batch.append(LedgerTimingWords.milliseconds(delay + request.timing.retentionOfLiveRecords))
        }
        switch request.operation {
        case .claim(let owner, let kind, let due):
            begin(.claim)
            batch.append(owner.description)
            batch.append(kind.rawValue)
            batch.append(due.map { LedgerRecord.bounded($0).microseconds } ?? 0)
            batch.append(timing.leaseAndRetention)
        case .endLease(let owner, let attempt, let delay):
            let delay = max(delay, .zero)
            begin(.endLease)
            batch.append(owner.description)
            append(count: attempt, to: &batch)
            batch.append(LedgerTimingWords.microseconds(delay))
            batch.append(LedgerTimingWords.milliseconds(delay + request.timing.retentionOfLiveRecords))
        case .takeTurn(let owner):
            begin(.takeTurn)
            batch.append(owner.description)
            batch.append(timing.leaseAndRetention)
        case .renew(let owner, let attempt, let failures):
            begin(.renew)
            batch.append(owner.description)
            append(count: attempt, to: &batch)
            append(failures, to: &batch)
            batch.append(timing.leaseAndRetention)
        case .complete(let owner, let attempt, let copies):
            begin(.complete)
            batch.append(owner.description)
            append(count: attempt, to: &batch)
            batch.append(timing.retention(ofCopies: copies))
        case .retry(let owner, let attempt, let delay):
            appendPostponing(owner, attempt, by: delay, addingFailures: 1)
        case .release(let owner, let attempt, let delay):
            appendPostponing(owner, attempt, by: delay, addingFailures: 0)
        case .bury(let owner, let attempt, let report):
            begin(.bury)
            batch.append(owner.description)
            append(count: attempt, to: &batch)
            batch.append(report.words.joined(separator: " "))
            batch.append(retentionOfDeadJobs)
        case .noteCopies(let copies):
            begin(.noteCopies)
            batch.append(copies.map(\.description).joined(separator: ","))
            batch.append(Int64(DeathReport.maximumCopies))
            batch.append(retentionOfDeadJobs)
        case .replay(let owner):
            begin(.replay)
            batch.append(owner.description)
            batch.append(timing.retention)
        case .revoke(let fireDate, let copies):
            begin(.revoke)
            if let fireDate {
                batch.append(max(((try? Timestamp(fireDate)) ?? .latest).microseconds, 0))
            } else {
                batch.append("-")
            }
            append(count: copies, to: &batch)
            batch.append(timing.retention(ofCopies: copies))
            batch.append(timing.grace)
        case .forget(let deleted, let copies) where deleted.coversAll(of: copies) && request.key.edition == nil:
            // Nothing is left to be written down, and this costs the server a fifth of what a script does. (A script
            // that does it to 64 keys at once costs it a fifth more than 64 of these.)
            batch.begin(command: expiry, key: request.key.description, arguments: 1, tag: expiryTag)
            batch.append(timing.grace)
            batch.end()
            return
        case .forget(let deleted, let copies):
            begin(.forget)
            batch.append(deleted.description)
            append(count: copies, to: &batch)
            batch.append(timing.retention(ofCopies: copies))
            batch.append(timing.grace)
        case .intend(let content, let isReplacing, let wait):
            begin(.intend)
            append(content, to: &batch)
            batch.append(isReplacing ? 1 : 0)
            batch.append(LedgerTimingWords.microseconds(wait))
            batch.append(timing.retention)
            batch.append(timing.retention(ofCopies: 0))
        case .confirm(let content, let isReplacing):
            begin(.confirm)
            append(content, to: &batch)
            batch.append(isReplacing ? 1 : 0)
            batch.append(timing.retention)
        case .withdraw(let isGone):
            begin(.withdraw)
            batch.append(isGone ? 1 : 0)
            batch.append(timing.retention)
        case .record(let owner, let due):
            begin(.record)
            batch.append(owner.description)
            batch.append(LedgerRecord.bounded(due).microseconds)
            batch.append(LedgerTimingWords.microseconds(request.timing.latestWithoutRecord(ofCopies: 1)))
            batch.append(LedgerTimingWords.milliseconds(request.timing.retentionOfLiveRecords))
        case .status:
            begin(.status)
        case .time:
            begin(.time)
        case .board(.checkIn(let presence, let isFirst)):
            begin(.checkIn)
            batch.append(presence.id)
            batch.append(presence.text)
            batch.append(isFirst ? 1 : 0)
            batch.append(memoryOfBoards)
        case .board(.checkOut(let id)):
            begin(.checkOut)
            batch.append(id)
        case .board(.pause(let duration, let by, let why)):
            begin(.pause)
            if let duration {
                batch.append(LedgerTimingWords.microseconds(duration))
            } else {
                batch.append("-")
            }
            batch.append(DeathReport.word(by))
            batch.append(DeathReport.word(why))
            batch.append(memoryOfBoards)
        case .board(.resume):
            begin(.resume)
            batch.append(memoryOfBoards)
        }
        if let edition = request.key.edition { batch.append(edition.description) }
        if let time { batch.append(time.microseconds) }
        batch.end()
    }

    /// Whether the call with a tag can have been answered so.
    @Sendable static func accepts(tag: UInt8, _ value: RedisValue) -> Bool {
        guard let kind = LedgerRequest.Operation.Kind(rawValue: tag) else {
            if case .integer = value { return tag == expiryTag }
            return false
        }
        return reply(value).map { kind.allows($0) } ?? (value.string == RedisLedgerScript.unreadable)
    }

    /// - Returns: nil for what neither a script nor `PEXPIRE` answers, or only about an unreadable record.
    static func reply(_ value: RedisValue) -> LedgerReply? {
        switch value {
        case .bulk(let bytes): bytes.withUnsafeReadableBytes { LedgerReply.parse($0) }
        case .integer(let count): count > 0 ? .forgotten : .absent
        default: nil
        }
    }

    private static func append(_ content: JobContent, to batch: inout RedisBatch) {
        batch.append(LedgerRecord.bounded(content.date).microseconds)
        batch.append(content.digest)
    }

    /// Appends failures, `-` for none to restore.
    private static func append(_ failures: JobFailures?, to batch: inout RedisBatch) {
        guard let failures else { return batch.append("-") }
        if failures.endedLeases == 0 { return append(count: failures.errors, to: &batch) }
        batch.append(failures.description)
    }

    /// Appends a count, or the nearest one that a record can hold.
    private static func append(count: Int, to batch: inout RedisBatch) {
        batch.append(Int64(min(max(count, 0), LedgerRecord.largestCount)))
    }
}
