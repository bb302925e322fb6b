@testable import DelayQueue

/// Redis in memory: the ledger's rules, records that run out, and outages.
final class SimulatedLedger {
    private struct Stored {
        var record: LedgerRecord
        var expiresAt: Int64
    }

    private var records: [LedgerKey: Stored] = [:]
    var isUp = true

    /// Every claim granted and every completion accepted, in the ledger's order.
    struct Grant {
        let key: LedgerKey
        let attempt: Int
        let at: Int64
    }

    private(set) var grants: [Grant] = []
    /// The nodes a job was ever to be buried on: copy and node have the same number here.
    private(set) var buriedOn: [LedgerKey: Set<Int>] = [:]
    private(set) var completions: [LedgerKey: Int] = [:]

    func perform(_ request: LedgerRequest, now: Int64) -> LedgerReply {
        if let stored = records[request.key], stored.expiresAt <= now { records[request.key] = nil }
        let before = records[request.key]
        let transition = LedgerRecord.apply(
            request, to: before?.record, now: Timestamp(microseconds: now))
        if let record = transition.record {
            let expiresAt = transition.expiresIn.map { now + $0.wholeMicroseconds } ?? before?.expiresAt ?? now
            records[request.key] = Stored(record: record, expiresAt: expiresAt)
        } else {
            records[request.key] = nil
        }
        if case .granted(let attempt, _) = transition.reply {
            grants.append(Grant(key: request.key, attempt: attempt, at: now))
        }
        if case .complete = request.operation, transition.reply == .settled {
            if case .done = before?.record {} else { completions[request.key, default: 0] += 1 }
        }
        if case .dead(_, _, .index(let node), _) = transition.record {
            buriedOn[request.key, default: []].insert(node)
        }
        return transition.reply
    }

    func recordCount(now: Int64) -> Int {
        records.values.count { $0.expiresAt > now }
    }

    /// Who may run a job by the ledger's word, and until when.
    func lease(of key: LedgerKey, now: Int64) -> (attempt: Int, end: Int64)? {
        guard case .claimed(_, let attempt, _, let leaseEnd) = records[key]?.record else { return nil }
        return (attempt, leaseEnd.microseconds)
    }
}
