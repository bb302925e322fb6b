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
        var cursor = "0"
        repeat {
            let page = try await page(from: cursor, of: queue)
            cursor = page.next
            for (key, text) in zip(page.keys, try await values(of: page.keys)) {
                // A record that this version cannot read is left out, as nothing can be told of its job.
                guard let text, let dead = try? LedgerValue(parsing: text, key: key).deadRecord(in: queue, key) else {
                    continue
                }
                found[dead.key] = dead.record
            }
        } while cursor != "0"
        return found.map { ($0.key, $0.value) }
    }

    /// - Returns: the queue's keys, and those that go-queue's records may have, of about a thousand of the server's.
    private func page(
        from cursor: String, of queue: TubeName
    ) async throws(DelayQueueError) -> (keys: [LedgerKey], next: String) {
        let reply = try await reply(to: "SCAN", .text(cursor), "COUNT", "1000")
        guard case .array(let parts) = reply, parts.count == 2, let next = parts[0].string,
            case .array(let names) = parts[1]
        else { throw DelayQueueError(.ledgerUnavailable, "the ledger's server did not answer SCAN", isRetriable: true) }
        return (names.compactMap { $0.string.flatMap { LedgerKey($0, in: queue) } }, next)
    }

    /// Nil for keys that are gone or are of another type, and for go-queue's where those are not allowed to this user.
    private func values(of keys: [LedgerKey]) async throws(DelayQueueError) -> [String?] {
        guard !keys.isEmpty else { return [] }
        let replies = await client.send(reserving: keys.count, timeout: timeout) { batch in
            for key in keys { batch.command("GET", .text(key.description)) }
        }
        var values: [String?] = []
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

    private func reply(to words: RedisArgument...) async throws(DelayQueueError) -> RedisValue {
        let replies = await client.send(timeout: timeout) { $0.command(words) }
        do {
            return try replies[0].get()
        } catch {
            throw DelayQueueError(ledger: error)
        }
    }
}
