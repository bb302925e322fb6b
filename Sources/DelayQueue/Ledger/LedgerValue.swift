package import Beanstalk

/// What the ledger has under a key: the record of a job, or those of an id's editions.
package enum LedgerValue: Hashable, Sendable {
    case job(LedgerRecord)
    case editions(JobEditions)

    /// The outcome of a request.
    package struct Transition: Hashable, Sendable {
        /// What is there afterwards.
        package var value: LedgerValue?

        /// How long it lasts from now; nil where it was not written and lasts as long as before.
        package var expiresIn: Duration?

        package var reply: LedgerReply
    }

    /// Decides a request.
    ///
    /// - Parameter value: what is there before, nil for nothing.
    /// - Parameter now: by the ledger's clock.
    package static func apply(
        _ request: LedgerRequest, to value: LedgerValue?, now: Timestamp
    ) -> Transition {
        var editions: JobEditions
        switch value {
        case .editions(let known): editions = known
        case .job, nil:
            let record = value?.record(of: nil)
            if request.key.edition == nil {
                let transition = LedgerRecord.apply(request, to: record, now: now)
                return Transition(
                    value: transition.record.map { .job($0) }, expiresIn: transition.expiresIn,
                    reply: transition.reply)
            }
            editions = JobEditions(entries: record.map { [.init($0)] } ?? [])
        }
        let (reply, duration) = editions.perform(request, now: now)
        guard let duration else { return Transition(value: value, expiresIn: nil, reply: reply) }
        return Transition(
            value: .editions(editions), expiresIn: editions.lifetime(duration, now: now), reply: reply)
    }

    /// The record of a dead job, with the key that names it. Where lost writes have left an id several editions, it need
    /// not be the one that is the id's.
    package func deadRecord(in queue: TubeName, _ key: LedgerKey) -> (key: LedgerKey, record: LedgerRecord)? {
        switch self {
        case .job(let record): return record.isDead(in: queue, key) ? (key, record) : nil
        case .editions(let editions):
            var key = key
            for entry in editions.entries {
                guard let record = entry.state.record, record.isDead(in: queue, key) else { continue }
                key.edition = entry.edition
                return (key, record)
            }
            return nil
        }
    }

    /// The record of an edition, or of the one that is the id's; nil where it never ran.
    package func record(of edition: JobEdition?) -> LedgerRecord? {
        switch self {
        case .job(let record): edition == nil ? record : nil
        case .editions(let editions): editions.record(of: edition)
        }
    }
}

extension JobEditions.Entry {
    /// The job of copies that tell no edition.
    fileprivate init(_ record: LedgerRecord) {
        self.init(edition: nil, date: Timestamp(microseconds: 0), digest: nil, state: .recorded(record))
    }
}

// The record of a job is one line (see LedgerRecord). That of editions has a line for each after the first:
//
//     2
//     <edition or -> <dateMicros> <digest or -> intended <untilMicros>
//     <edition or -> <dateMicros> <digest or -> scheduled
//     <edition or -> <dateMicros> <digest or -> <the record of a job>
extension LedgerValue {
    private static let firstLineOfEditions = "2\n"

    /// Whether a text may be the record of a dead job: told at once, for those who look through a million of them.
    static func mayBeDead(_ text: String) -> Bool {
        text.utf8.starts(with: LedgerRecord.startOfDead.utf8) || text.utf8.starts(with: firstLineOfEditions.utf8)
    }

    /// The value of the key.
    package var text: String {
        switch self {
        case .job(let record): record.text
        case .editions(let editions):
            Self.firstLineOfEditions + editions.entries.map(\.text).joined(separator: "\n")
        }
    }

    /// Reads the value of a key.
    ///
    /// - Throws: `ledgerRecordUnreadable`.
    package init(parsing text: String, key: LedgerKey) throws(DelayQueueError) {
        guard text.hasPrefix(Self.firstLineOfEditions) else {
            self = try .job(LedgerRecord(parsing: text, key: key))
            return
        }
        var entries: [JobEditions.Entry] = []
        for line in text.dropFirst(2).split(separator: "\n", omittingEmptySubsequences: false) {
            guard let entry = JobEditions.Entry(parsing: line) else { throw .unreadableRecord(key) }
            entries.append(entry)
        }
        self = .editions(JobEditions(entries: entries))
    }
}

extension JobEditions.Entry {
    fileprivate var text: String {
        let state =
            switch state {
            case .intended(let end): "intended \(end.microseconds)"
            case .scheduled: "scheduled"
            case .recorded(let record): record.text
            }
        return "\(edition?.description ?? "-") \(date.microseconds) \(digest ?? "-") \(state)"
    }

    fileprivate init?(parsing line: Substring) {
        let fields = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        guard fields.count == 4, let date = LedgerRecord.time(fields[1]), !fields[2].isEmpty else { return nil }
        let edition = JobEdition(String(fields[0]))
        guard edition != nil || fields[0] == "-" else { return nil }
        let state: JobEditions.State
        if fields[3] == "scheduled" {
            state = .scheduled
        } else if fields[3].hasPrefix("intended ") {
            guard let end = LedgerRecord.time(fields[3].dropFirst("intended ".count)) else { return nil }
            state = .intended(until: end)
        } else {
            guard let record = LedgerRecord.parse(String(fields[3])) else { return nil }
            state = .recorded(record)
        }
        self.init(
            edition: edition, date: date, digest: fields[2] == "-" ? nil : String(fields[2]), state: state)
    }
}
