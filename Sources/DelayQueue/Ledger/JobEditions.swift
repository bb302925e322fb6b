/// The record of an id that callers choose themselves: every edition that may have copies, and how each stands.
///
/// One of them at most is the id's, but where the ledger lost writes. An edition that the record does not know is
/// treated as a job without a record: so lost writes may repeat jobs, and lose none.
package struct JobEditions: Hashable, Sendable {
    /// How many editions a record has at most, among them those that calls under way have announced. Each takes 40 to 80
    /// bytes of the ledger's memory; the record is read and written as a whole.
    package static let maximumCount = 500

    /// How soon the copies of an edition that is announced ask again: its confirmation mostly comes in a moment.
    static let longestLook = Duration.milliseconds(250)

    package enum State: Hashable, Sendable {
        /// It may be written, and is not confirmed. Until then its copies wait.
        case intended(until: Timestamp)
        /// It is the id's, and has not run.
        case scheduled
        case recorded(LedgerRecord)
    }

    package struct Entry: Hashable, Sendable {
        /// Nil for copies that tell no edition.
        package var edition: JobEdition?
        package var date: Timestamp
        /// Nil where it is not known, and no more of use.
        package var digest: String?
        package var state: State
    }

    package var entries: [Entry] = []

    package init(entries: [Entry] = []) {
        self.entries = entries
    }

    /// The edition that is the id's: where lost writes made it several, one that runs or waits first.
    package var current: Int? {
        entries.indices.max { (entries[$0].state.rank, -$0) < (entries[$1].state.rank, -$1) }
            .flatMap { entries[$0].state.rank > 0 ? $0 : nil }
    }

    func index(of edition: JobEdition?) -> Int? {
        guard let edition else { return current }
        return entries.firstIndex { $0.edition == edition }
    }

    /// The record of an edition; nil where it never ran.
    package func record(of edition: JobEdition?) -> LedgerRecord? {
        index(of: edition).flatMap { entries[$0].state.record }
    }
}

extension JobEditions.State {
    package var record: LedgerRecord? { if case .recorded(let record) = self { record } else { nil } }

    /// It is the id's, and does not run at the moment.
    fileprivate var waits: Bool {
        switch self {
        case .scheduled, .recorded(.waiting): true
        default: false
        }
    }

    /// The greatest is the id's; 0 never is.
    fileprivate var rank: Int {
        switch self {
        case .recorded(.claimed): 5
        case .recorded(.waiting): 4
        case .scheduled: 3
        case .recorded(.dead): 2
        case .recorded(.done), .recorded(.revoked): 1
        case .intended, .recorded(.withdrawn): 0
        }
    }
}

// MARK: Requests

extension JobEditions {
    /// Carries a request out.
    ///
    /// - Returns: the reply, and how long the record lasts from now, counted on from the latest date an edition had; nil
    ///   where nothing was written.
    mutating func perform(_ request: LedgerRequest, now: Timestamp) -> (reply: LedgerReply, expiresIn: Duration?) {
        let edition = request.key.edition
        let live = request.timing.retentionOfLiveRecords
        switch request.operation {
        case .intend(let content, let isReplacing, let wait):
            guard let edition else { break }
            return intend(edition, content, isReplacing, until: now + wait, request.timing, now)
        case .confirm(let content, let isReplacing):
            guard let edition else { break }
            return confirm(edition, content, isReplacing, request.timing, now)
        case .withdraw(let isGone):
            guard let edition, let index = index(of: edition) else { return (.absent, nil) }
            switch entries[index].state {
            case .intended(let end) where end <= now: return (.absent, nil)
            case .intended:
                entries[index].withdraw(now)
                if isGone, entries.count > 1 { entries.remove(at: index) }
            case .scheduled: return (.scheduled(entries[index].date), nil)
            case .recorded(let record): return (LedgerRecord.state(of: record, now: now), nil)
            }
            return (.withdrawn, live)
        case .record:
            // An id of one's own has a record as long as it has copies, but where the ledger lost it.
            var request = request
            request.operation = .status
            return perform(request, now: now)
        case .status:
            if let index = index(of: edition), entries[index].state == .scheduled {
                return (.scheduled(entries[index].date), nil)
            }
        case .claim(_, _, _):
            guard let index = index(of: edition) else {
                // What is known is not given up for what anybody may have made up.
                if entries.count >= Self.maximumCount { return (.waiting(for: Self.longestLook), nil) }
                break
            }
            guard case .intended(let end) = entries[index].state else { break }
            if end > now { return (.waiting(for: min(now.duration(to: end), Self.longestLook)), nil) }
            guard current == nil else {
                entries[index].withdraw(now)
                return (.finished(.withdrawn), live)
            }
        default: break
        }
        return performOnRecord(request, now: now)
    }

    /// As for a job with a record of its own. One that is known, and never ran, needs none to be claimed.
    private mutating func performOnRecord(
        _ request: LedgerRequest, now: Timestamp
    ) -> (reply: LedgerReply, expiresIn: Duration?) {
        var request = request
        let index = index(of: request.key.edition)
        var due: Timestamp?
        if case .claim(let owner, _, let date) = request.operation {
            due = date
            if let index, entries[index].state.record == nil {
                request.operation = .claim(owner, .creating, due: date)
            }
        }
        if case .revoke(nil, let copies) = request.operation, let index, entries[index].state == .scheduled {
            request.operation = .revoke(fireDate: entries[index].date.date, copies: copies)
        }
        let transition = LedgerRecord.apply(request, to: index.flatMap { entries[$0].state.record }, now: now)
        guard let record = transition.record, let lifetime = transition.expiresIn else {
            return (transition.reply, nil)
        }
        if let index {
            entries[index].state = .recorded(record)
        } else {
            entries.append(
                Entry(
                    edition: request.key.edition,
                    date: due.map(LedgerRecord.bounded).flatMap { $0.microseconds > 0 ? $0 : nil }
                        ?? LedgerRecord.bounded(now),
                    digest: nil, state: .recorded(record)))
        }
        return (transition.reply, lifetime)
    }

    private mutating func intend(
        _ edition: JobEdition, _ content: JobContent, _ isReplacing: Bool, until end: Timestamp,
        _ timing: LedgerTiming, _ now: Timestamp
    ) -> (reply: LedgerReply, expiresIn: Duration?) {
        if let index = index(of: edition) {
            return (entries[index].state.record == .withdrawn ? .finished(.withdrawn) : .intended, nil)
        }
        if let refusal = refusal(of: content, isReplacing, now) { return (refusal, nil) }
        let retention = timing.retention(ofCopies: 0)
        entries.removeAll { $0.state.isOver(by: now) && $0.lastCalledFor + retention < now }
        guard entries.count < Self.maximumCount else { return (.full, nil) }
        entries.append(Entry(edition, content, .intended(until: LedgerRecord.bounded(end))))
        return (.intended, timing.retentionOfLiveRecords)
    }

    private mutating func confirm(
        _ edition: JobEdition, _ content: JobContent, _ isReplacing: Bool, _ timing: LedgerTiming, _ now: Timestamp
    ) -> (reply: LedgerReply, expiresIn: Duration?) {
        // Without its announcement, what the ledger lost with it is perhaps that the edition was withdrawn, and copies deleted.
        guard let index = index(of: edition) else { return (.absent, nil) }
        switch entries[index].state {
        case .scheduled, .recorded(.claimed), .recorded(.waiting), .recorded(.done), .recorded(.revoked),
            .recorded(.dead):
            return (.confirmed, nil)
        case .recorded(.withdrawn):
            return (.finished(.withdrawn), nil)
        case .intended(let end) where end <= now:
            // Whatever comes of it, its copies decide.
            return (.absent, nil)
        case .intended:
            let refusal = refusal(of: content, isReplacing, now)
            if refusal == nil {
                // Only lost writes leave more than one.
                for other in entries.indices where entries[other].state.waits { entries[other].withdraw(now) }
                entries[index].state = .scheduled
            } else {
                entries[index].withdraw(now)
            }
            return (refusal ?? .confirmed, timing.retentionOfLiveRecords)
        }
    }

    /// Why an edition may not become the id's; nil where it may.
    private func refusal(of content: JobContent, _ isReplacing: Bool, _ now: Timestamp) -> LedgerReply? {
        guard let current else { return nil }
        let entry = entries[current]
        switch entry.state {
        case .scheduled, .recorded(.waiting):
            if let edition = entry.edition, entry.digest == content.digest { return .same(edition, entry.date) }
            return isReplacing ? nil : .taken(until: entry.date)
        case .recorded(let record): return LedgerRecord.state(of: record, now: now)
        case .intended: return nil
        }
    }

    /// How long the record lasts: for so long after the latest date that an edition had, and for good with a dead job.
    func lifetime(_ duration: Duration, now: Timestamp) -> Duration {
        let latest = entries.lazy.map(\.date).max() ?? now
        let isDead = entries.contains { if case .recorded(.dead) = $0.state { true } else { false } }
        let longest = LedgerTiming.retentionOfDeadJobs
        return isDead ? longest : min(max(now.duration(to: latest), .zero) + duration, longest)
    }
}

extension JobEditions.Entry {
    fileprivate init(_ edition: JobEdition, _ content: JobContent, _ state: JobEditions.State) {
        self.init(
            edition: edition, date: LedgerRecord.bounded(content.date), digest: content.digest, state: state)
    }

    /// The date, and never before its call was under way: by the ledger's clock, which may be ahead.
    fileprivate var lastCalledFor: Timestamp {
        if case .intended(let end) = state { max(date, end) } else { date }
    }

    /// Its name is all that is still of use, until its copies must have been seen: counted from now at the earliest, as
    /// the ledger's clock may be ahead.
    fileprivate mutating func withdraw(_ now: Timestamp) {
        state = .recorded(.withdrawn)
        digest = nil
        date = max(date, LedgerRecord.bounded(now))
    }
}

extension JobEditions.State {
    /// Nothing but late copies can still ask for it.
    fileprivate func isOver(by now: Timestamp) -> Bool {
        switch self {
        case .intended(let end): end <= now
        case .recorded(.withdrawn): true
        default: false
        }
    }
}
