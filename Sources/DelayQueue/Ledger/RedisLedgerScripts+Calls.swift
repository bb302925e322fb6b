import HiredisClient
import NIOCore

extension RedisLedgerScripts {
    /// The call for a request, with its arguments.
    func call(_ request: LedgerRequest) -> RedisCall {
        let timing = request.timing
        let lease = Self.microseconds(timing.lease)
        let retention = Self.milliseconds(timing.retentionOfLiveRecords)
        let script: RedisScript
        let arguments: [RedisArgument]
        switch request.operation {
        case .claim(let owner, let copy, let kicks, let createsRecord):
            script = claim
            arguments = [
                .text(owner.description), .text(copy?.description ?? "-"), Self.count(kicks), createsRecord ? 1 : 0,
                lease, retention,
            ]
        case .renew(let owner, let attempt, let failures):
            script = renew
            arguments = [.text(owner.description), Self.count(attempt), Self.count(failures), lease, retention]
        case .complete(let owner, let attempt, let copies):
            script = complete
            arguments = [
                .text(owner.description), Self.count(attempt), Self.milliseconds(timing.retention(ofCopies: copies)),
            ]
        case .retry(let owner, let attempt, let delay):
            script = postpone
            let delay = max(delay, .zero)
            arguments = [
                .text(owner.description), Self.count(attempt), Self.microseconds(delay), 1,
                Self.milliseconds(delay + timing.retentionOfLiveRecords),
            ]
        case .release(let owner, let attempt):
            script = postpone
            arguments = [.text(owner.description), Self.count(attempt), 0, 0, retention]
        case .bury(let owner, let attempt, let copy, let kicks, let replaced):
            script = bury
            arguments = [
                .text(owner.description), Self.count(attempt), .text(copy.description), Self.count(kicks), retention,
                .text(replaced?.description ?? "-"),
            ]
        case .revoke(let fireDate, let copies):
            script = revoke
            let fireTime = (try? Timestamp(fireDate)) ?? .latest
            arguments = [
                .integer(max(fireTime.microseconds, 0)), Self.count(copies),
                Self.milliseconds(timing.retention(ofCopies: copies)), Self.milliseconds(timing.effectiveGrace),
            ]
        case .forget(let deleted, let copies) where deleted.coversAll(of: copies):
            // Nothing is left to be written down, and this costs the server a fifth of what a script does.
            return RedisCall(
                command: "PEXPIRE", keys: [request.key.description],
                arguments: [Self.milliseconds(timing.effectiveGrace)],
                accepts: { if case .integer = $0 { true } else { false } })
        case .forget(let deleted, let copies):
            script = forget
            arguments = [
                .text(deleted.description), Self.count(copies),
                Self.milliseconds(timing.retention(ofCopies: copies)), Self.milliseconds(timing.effectiveGrace),
            ]
        case .status:
            script = status
            arguments = []
        }
        return RedisCall(
            script: script, keys: [request.key.description], arguments: arguments,
            accepts: { [operation = request.operation] value in
                Self.reply(value).map { operation.allows($0) } ?? (value.string == Self.unreadable)
            })
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
    private static func count(_ number: Int?) -> RedisArgument {
        guard let number else { return "-" }
        return .integer(min(max(number, 0), LedgerRecord.largestCount))
    }

    private static func microseconds(_ duration: Duration) -> RedisArgument {
        .integer(min(max(duration.microsecondsRoundedUp, 0), Timestamp.latest.microseconds))
    }

    /// For an expiry, which the server takes only if it is positive.
    private static func milliseconds(_ duration: Duration) -> RedisArgument {
        let microseconds = min(max(duration.microsecondsRoundedUp, 1), Timestamp.latest.microseconds)
        return .integer((microseconds + 999) / 1000)
    }
}
