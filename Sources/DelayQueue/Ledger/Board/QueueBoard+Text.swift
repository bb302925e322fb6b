// The board is a hash with these fields and values:
//
//     pause            1 <sinceMicros> <untilMicros> <by> <why>
//     consumer:<id>    1 <seenMicros> <the text of its presence>
extension QueueBoard {
    private static let version = "1"
    private static let pauseField = "pause"
    static let consumerPrefix = "consumer:"

    /// What is under the board's key.
    package var fields: [String: String] {
        var fields: [String: String] = [:]
        if let pause { fields[Self.pauseField] = pause.text }
        for (id, entry) in consumers {
            fields[Self.consumerPrefix + id] =
                "\(Self.version) \(entry.seen.microseconds) \(entry.presence.text)"
        }
        return fields
    }

    /// Reads the fields. A consumer that cannot be read is left out, as a newer version may be beside this one.
    ///
    /// - Throws: `ledgerRecordUnreadable`, where that is the pause.
    package init(parsing fields: [String: String], key: LedgerKey) throws(DelayQueueError) {
        for (field, value) in fields {
            let words = value.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
            if field == Self.pauseField {
                guard let pause = Pause(parsing: words) else { throw .unreadableRecord(key) }
                self.pause = pause
            } else if field.hasPrefix(Self.consumerPrefix), words.count > 2, words[0] == Self.version,
                let seen = LedgerRecord.time(words[1])
            {
                let id = String(field.dropFirst(Self.consumerPrefix.count))
                guard let presence = ConsumerPresence(id: id, parsing: words[2...]) else { continue }
                consumers[id] = Entry(presence: presence, seen: seen)
            }
        }
    }
}

extension QueueBoard.Pause {
    fileprivate var text: String {
        "1 \(since.microseconds) \(until.microseconds) \(DeathReport.word(by)) \(DeathReport.word(why))"
    }

    fileprivate init?(parsing words: [String]) {
        guard words.count == 5, words[0] == "1", let since = LedgerRecord.time(words[1]),
            let until = LedgerRecord.time(words[2]),
            words[3...].allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(\.isVisibleASCII) })
        else { return nil }
        self.init(since: since, until: until, by: DeathReport.text(words[3]), why: DeathReport.text(words[4]))
    }
}
