/// What a ledger keeps of a queue as a whole: its pause, and which consumers it has.
///
/// Pure, as ``LedgerRecord`` is of a job: the board and the time go in, the next board, its lifetime and the reply come
/// out. `InMemoryLedger` runs on it; the scripts of `RedisLedger` say the same in Lua and are tested against it.
package struct QueueBoard: Hashable, Sendable {
    /// Consumers take nothing new meanwhile.
    package struct Pause: Hashable, Sendable {
        /// When the queue was paused; of one that was paused again before it was over, the first time.
        package var since: Timestamp
        /// ``Timestamp/latest`` where it has no end.
        package var until: Timestamp
        package var by: String
        package var why: String
    }

    /// A consumer, when it was heard of last.
    package struct Entry: Hashable, Sendable {
        package var presence: ConsumerPresence
        package var seen: Timestamp
    }

    package var pause: Pause?

    /// By the ids of consumers.
    package var consumers: [String: Entry] = [:]

    package init() {}

    /// For so long after its last check-in a consumer is on the board that did not check out; and the board itself after
    /// the last word about it, or the end of its pause.
    package static let memory = Duration.seconds(3600)

    /// The pause, unless it is over.
    package func pause(at now: Timestamp) -> Pause? { pause.flatMap { $0.until > now ? $0 : nil } }

    /// The outcome of an operation.
    package struct Transition: Hashable, Sendable {
        /// The board afterwards; nil where nothing is on it.
        package var board: QueueBoard?

        /// How long it lasts from now; nil where it lasts as long as before.
        package var expiresIn: Duration?

        package var reply: LedgerReply
    }

    /// Decides an operation.
    ///
    /// - Parameter board: what there is before, nil for nothing.
    /// - Parameter now: by the ledger's clock.
    package static func apply(
        _ operation: BoardOperation, to board: QueueBoard?, now: Timestamp
    ) -> Transition {
        let now = LedgerRecord.bounded(now)
        var board = board ?? QueueBoard()
        var isWritten = true
        let reply: LedgerReply
        switch operation {
        case .checkIn(let presence, let isFirst):
            if isFirst { board.consumers = board.consumers.filter { $0.value.seen + memory >= now } }
            board.consumers[presence.id] = Entry(presence: presence, seen: now)
            reply = .checkedIn(at: now, pausedUntil: board.pause(at: now)?.until)
        case .checkOut(let id):
            board.consumers[id] = nil
            isWritten = false
            reply = .checkedOut
        case .pause(let duration, let by, let why):
            board.pause = Pause(
                since: board.pause(at: now)?.since ?? now,
                until: duration.map { LedgerRecord.bounded(now + max($0, .zero)) } ?? .latest, by: by, why: why)
            reply = .paused
        case .resume:
            reply = board.pause(at: now) == nil ? .absent : .resumed
            isWritten = board.pause != nil
            board.pause = nil
        }
        let lifetime = memory + (board.pause.map { max(now.duration(to: $0.until), .zero) } ?? .zero)
        return Transition(
            board: board == QueueBoard() ? nil : board, expiresIn: isWritten ? lifetime : nil, reply: reply)
    }
}
