package import Beanstalk
import HiredisClient

// Records are read without scripts, so that looking through a million of them does not hold up those who claim jobs.
extension RedisLedger {
    package func read(_ keys: [LedgerKey]) async throws(DelayQueueError) -> [LedgerValue?] {
        let values = try await values(of: keys)
        var found: [LedgerValue?] = []
        for (key, text) in zip(keys, values) {
            try found.append(text.map { text throws(DelayQueueError) in try LedgerValue(parsing: text, key: key) })
        }
        return found
    }

    package func board(of queue: TubeName) async throws(DelayQueueError) -> (board: QueueBoard, now: Timestamp) {
        let key = LedgerKey(boardOf: queue)
        let replies = await client.send(reserving: 2, timeout: timeout) { batch in
            batch.command("HGETALL", .text(key.description))
            batch.command("TIME")
        }
        for index in 0..<2 {
            guard let error = replies.failures[index] else { continue }
            throw error.serverPrefix == "WRONGTYPE" ? .unreadableRecord(key) : DelayQueueError(ledger: error)
        }
        guard case .array(let words) = replies.values[0], words.count.isMultiple(of: 2),
            case .array(let time) = replies.values[1], time.count == 2, let seconds = time[0].int,
            let rest = time[1].int, (0..<1 << 33).contains(seconds), (0..<1_000_000).contains(rest)
        else {
            throw DelayQueueError(
                .ledgerUnavailable, "the ledger's server did not answer HGETALL and TIME", isRetriable: true)
        }
        var fields: [String: String] = [:]
        for index in stride(from: 0, to: words.count, by: 2) {
            if let field = words[index].string, let value = words[index + 1].string { fields[field] = value }
        }
        let now = fixedTime?() ?? Timestamp(microseconds: seconds * 1_000_000 + rest)
        return (try QueueBoard(parsing: fields, key: key), now)
    }

    package func deadRecords(
        of queue: TubeName
    ) async throws(DelayQueueError) -> [(key: LedgerKey, record: LedgerRecord)] {
        var found: [LedgerKey: LedgerRecord] = [:]
        var page = Page(keys: [], next: "0")
        repeat {
            // The values of one page come with the keys of the next, which saves every other round trip.
            let keys = page.keys
            let texts: [String?]
            (texts, page) = try await read(keys, andScanFrom: page.next, in: queue)
            note(keys, texts, of: queue, in: &found)
        } while page.next != "0"
        note(page.keys, try await values(of: page.keys), of: queue, in: &found)
        return found.map { ($0.key, $0.value) }
    }

    /// The queue's keys, and those that go-queue's records may have, of about a thousand of the server's.
    private struct Page {
        var keys: [LedgerKey]
        /// Where the next page begins; `0` after the last.
        var next: String
    }

    private func note(
        _ keys: [LedgerKey], _ texts: [String?], of queue: TubeName, in found: inout [LedgerKey: LedgerRecord]
    ) {
        for (key, text) in zip(keys, texts) {
            // A record that this version cannot read is left out, as nothing can be told of its job.
            guard let text, LedgerValue.mayBeDead(text),
                let dead = try? LedgerValue(parsing: text, key: key).deadRecord(in: queue, key)
            else { continue }
            found[dead.key] = dead.record
        }
    }

    private func read(
        _ keys: [LedgerKey], andScanFrom cursor: String, in queue: TubeName
    ) async throws(DelayQueueError) -> ([String?], Page) {
        let replies = await client.send(reserving: keys.count + 1, timeout: timeout) { batch in
            for key in keys { batch.command("GET", .text(key.description)) }
            batch.command("SCAN", .text(cursor), "COUNT", "1000")
        }
        if let error = replies.failures[keys.count] { throw DelayQueueError(ledger: error) }
        guard case .array(let parts) = replies.values[keys.count], parts.count == 2, let next = parts[0].string,
            case .array(let names) = parts[1]
        else { throw DelayQueueError(.ledgerUnavailable, "the ledger's server did not answer SCAN", isRetriable: true) }
        let page = Page(keys: names.compactMap { $0.string.flatMap { LedgerKey($0, in: queue) } }, next: next)
        return (try Self.texts(keys, replies), page)
    }

    /// Nil for keys that are gone or are of another type, and for go-queue's where those are not allowed to this user.
    private func values(of keys: [LedgerKey]) async throws(DelayQueueError) -> [String?] {
        guard !keys.isEmpty else { return [] }
        let replies = await client.send(reserving: keys.count, timeout: timeout) { batch in
            for key in keys { batch.command("GET", .text(key.description)) }
        }
        return try Self.texts(keys, replies)
    }

    private static func texts(_ keys: [LedgerKey], _ replies: RedisReplies) throws(DelayQueueError) -> [String?] {
        var values: [String?] = []
        values.reserveCapacity(keys.count)
        for index in keys.indices {
            if let error = replies.failures[index], error.serverPrefix != "WRONGTYPE",
                error.serverPrefix != "NOPERM" || !keys[index].isSharedWithGoQueue
            {
                throw DelayQueueError(ledger: error)
            }
            values.append(replies.values[index].string)
        }
        return values
    }
}
