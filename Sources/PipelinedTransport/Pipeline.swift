public import DequeModule
public import NIOCore

/// The decisions of one connection: what waits, what was written, which reply is whose.
///
/// Inputs in, actions out: no clock, socket or task inside. Replies come in the order of the requests, so the
/// queue's head is always the one being answered. An entry whose waiter left stays as a tombstone for its replies.
///
/// What every request passes is inlinable: each module that talks through it gets it for its own types.
@usableFromInline struct Pipeline<Reply: Sendable, Waiter> {
    @usableFromInline struct Entry {
        @usableFromInline let id: UInt64
        /// Emptied once written.
        @usableFromInline var bytes: ByteBuffer
        @usableFromInline let count: Int
        @usableFromInline var deadline: NIODeadline?
        /// Nil once nobody waits any more.
        @usableFromInline var waiter: Waiter?
        @usableFromInline var whenAbandoned: (@Sendable (Int, Reply) -> ByteBuffer?)?
        @usableFromInline var accepts: (@Sendable (Int, Reply) -> Bool)?

        @inlinable init(
            id: UInt64, bytes: ByteBuffer, count: Int, deadline: NIODeadline?, waiter: Waiter?,
            whenAbandoned: (@Sendable (Int, Reply) -> ByteBuffer?)? = nil,
            accepts: (@Sendable (Int, Reply) -> Bool)? = nil
        ) {
            self.id = id
            self.bytes = bytes
            self.count = count
            self.deadline = deadline
            self.waiter = waiter
            self.whenAbandoned = whenAbandoned
            self.accepts = accepts
        }
    }

    /// A waiter to be told that its batch failed.
    @usableFromInline struct Failure {
        @usableFromInline var waiter: Waiter
        var replies: [Reply]
        var code: TransportError.Code
        var mayHaveBeenSent: Bool
        var retryAfter: Duration?
    }

    @usableFromInline enum Phase {
        case idle(retryAt: NIODeadline?)
        case connecting
        case greeting
        case ready
    }

    @usableFromInline struct Head {
        /// 0 where nothing waits for a reply.
        @usableFromInline var count = 0
        /// Replies seen, dropped ones included.
        @usableFromInline var answered = 0
        @usableFromInline var isAwaited = false

        @inlinable init(count: Int = 0, isAwaited: Bool = false) {
            self.count = count
            self.isAwaited = isAwaited
        }
    }

    @usableFromInline let preambleCount: Int
    private let backoff: ExponentialBackoff
    @usableFromInline var phase: Phase = .idle(retryAt: nil)
    @usableFromInline var isClosing = false
    @usableFromInline var queue: Deque<Entry> = []
    /// The entry being answered is followed outside of the queue: whatever happens for every single reply is to touch
    /// no element of it.
    @usableFromInline var head = Head()
    @usableFromInline var headAccepts: (@Sendable (Int, Reply) -> Bool)?
    /// Replies to the head, or to the preamble.
    @usableFromInline var replies: [Reply] = []
    @usableFromInline var failures = 0
    @usableFromInline var lastID: UInt64 = 0
    @usableFromInline var generation = ConnectionGeneration(0)

    init(preambleCount: Int, backoff: ExponentialBackoff) {
        self.preambleCount = preambleCount
        self.backoff = backoff
    }

    @inlinable mutating func makeID() -> UInt64 {
        lastID += 1
        return lastID
    }

    // MARK: Requests

    @usableFromInline enum EnqueueAction {
        case connect
        case write(ByteBuffer)
        case wait
        case fail(Failure)
    }

    @inlinable mutating func enqueue(
        _ entry: consuming Entry, boundTo bound: ConnectionGeneration?, now: NIODeadline
    ) -> EnqueueAction {
        if isClosing { return Self.failure(of: entry.waiter, .closed) }
        if let bound {
            guard case .ready = phase, bound == generation else {
                return Self.failure(of: entry.waiter, .staleGeneration)
            }
        }
        switch phase {
        case .idle(let retryAt):
            if let retryAt, now < retryAt {
                return Self.failure(
                    of: entry.waiter, .backingOff, retryAfter: .nanoseconds((retryAt - now).nanoseconds))
            }
            append(entry)
            phase = .connecting
            generation = ConnectionGeneration(generation.number + 1)
            return .connect
        case .connecting, .greeting:
            append(entry)
            return .wait
        case .ready:
            let bytes = entry.bytes
            entry.bytes = ByteBuffer()
            append(entry)
            return .write(bytes)
        }
    }

    @usableFromInline static func failure(
        of waiter: Waiter?, _ code: TransportError.Code, retryAfter: Duration? = nil
    ) -> EnqueueAction {
        guard let waiter else { return .wait }
        return .fail(Failure(waiter: waiter, replies: [], code: code, mayHaveBeenSent: false, retryAfter: retryAfter))
    }

    @inlinable mutating func append(_ entry: consuming Entry) {
        // Not read back from the queue, where it would be copied: for single requests this is every one.
        if queue.isEmpty {
            head = Head(count: entry.count, isAwaited: entry.waiter != nil)
            headAccepts = entry.accepts
        }
        queue.append(entry)
    }

    /// The queue has another head, or none.
    @inlinable mutating func followHead() {
        guard let first = queue.first else {
            head = Head()
            headAccepts = nil
            return
        }
        head = Head(count: first.count, isAwaited: first.waiter != nil)
        headAccepts = first.accepts
    }

    @inlinable mutating func takeReplies() -> [Reply] {
        defer { replies = [] }
        return replies
    }

    /// Ends the wait for one batch: an unsent one is taken back, a sent one leaves a tombstone.
    mutating func cancel(_ id: UInt64) -> Failure? {
        guard let index = index(of: id) else { return nil }
        return abandon(at: index, code: .cancelled)
    }

    /// Ends every wait whose deadline has passed, wherever in the queue it is.
    mutating func expire(now: NIODeadline) -> [Failure] {
        var failed: [Failure] = []
        for index in queue.indices.reversed() where queue[index].waiter != nil {
            guard let deadline = queue[index].deadline, deadline <= now else { continue }
            if let failure = abandon(at: index, code: .timedOut) { failed.append(failure) }
        }
        return failed.reversed()
    }

    /// The earliest deadline somebody still waits for.
    var nextDeadline: NIODeadline? {
        queue.lazy.compactMap { $0.waiter == nil ? nil : $0.deadline }.min()
    }

    private mutating func abandon(at index: Int, code: TransportError.Code) -> Failure? {
        guard let waiter = queue[index].waiter else { return nil }
        guard case .ready = phase else {
            queue.remove(at: index)
            if index == 0 { followHead() }
            return Failure(waiter: waiter, replies: [], code: code, mayHaveBeenSent: false)
        }
        queue[index].waiter = nil
        guard index == 0 else { return Failure(waiter: waiter, replies: [], code: code, mayHaveBeenSent: true) }
        head.isAwaited = false
        return Failure(waiter: waiter, replies: takeReplies(), code: code, mayHaveBeenSent: true)
    }

    /// Ids nearly always rise along the queue, so that a binary search finds one. Those of tasks that prefer an executor
    /// need not: such a task may take a turn of the loop between its id and its place, and others go first.
    private func index(of id: UInt64) -> Int? {
        var low = 0
        var high = queue.count
        while low < high {
            let middle = (low + high) / 2
            if queue[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < queue.count && queue[low].id == id ? low : queue.firstIndex { $0.id == id }
    }

    // MARK: Connection

    enum OpenAction {
        /// Send the preamble; its replies are expected next.
        case greet
        /// Nothing to say first: write what waited.
        case write([ByteBuffer])
        /// The connection is no longer wanted.
        case close
    }

    mutating func opened(_ opened: ConnectionGeneration) -> OpenAction {
        guard case .connecting = phase, opened == generation else { return .close }
        if preambleCount > 0 {
            phase = .greeting
            replies = []
            return .greet
        }
        return .write(becomeReady())
    }

    /// - Parameter peer: tells the process at the other end from all others, where it has told.
    mutating func preambleAccepted(by peer: UInt64?) -> [ByteBuffer] {
        generation = ConnectionGeneration(generation.number, peer: peer)
        return becomeReady()
    }

    private mutating func becomeReady() -> [ByteBuffer] {
        phase = .ready
        replies = []
        var waiting: [ByteBuffer] = []
        waiting.reserveCapacity(queue.count)
        for index in queue.indices {
            waiting.append(queue[index].bytes)
            queue[index].bytes = ByteBuffer()
        }
        return waiting
    }

    /// Takes replies that call for no decision: all that the head waits for, but the last.
    ///
    /// - Parameter read: appends up to so many replies.
    /// - Returns: false where one of them cannot be a reply to its request.
    @inlinable mutating func absorb(_ read: (_ count: Int, _ replies: inout [Reply]) throws -> Void) rethrows -> Bool {
        guard isReady, head.isAwaited, head.answered + 1 < head.count else { return true }
        if replies.isEmpty { replies.reserveCapacity(head.count) }
        let before = replies.count
        try read(head.count - head.answered - 1, &replies)
        if let headAccepts {
            for index in before..<replies.count where !headAccepts(index, replies[index]) {
                replies.removeSubrange(index...)
                return false
            }
        }
        let taken = replies.count - before
        head.answered += taken
        if taken > 0 { failures = 0 }
        return true
    }

    @usableFromInline enum ReplyAction {
        case none
        case verifyPreamble([Reply])
        case complete(Waiter, [Reply])
        /// Nobody waits: send what the request's owner left for this case.
        case send(ByteBuffer)
        /// A reply without a request, or to another one.
        case violation
    }

    @inlinable mutating func received(_ reply: Reply) -> ReplyAction {
        switch phase {
        case .idle, .connecting:
            return .violation
        case .greeting:
            replies.append(reply)
            return replies.count == preambleCount ? .verifyPreamble(replies) : .none
        case .ready:
            guard head.count > 0 else { return .violation }
        }
        let index = head.answered
        if let headAccepts, !headAccepts(index, reply) { return .violation }
        failures = 0
        head.answered += 1
        let isLast = head.answered == head.count
        if head.isAwaited {
            if replies.isEmpty { replies.reserveCapacity(head.count) }
            replies.append(reply)
            guard isLast else { return .none }
            let replies = takeReplies()
            let entry = queue.removeFirst()
            followHead()
            guard let waiter = entry.waiter else { return .none }
            return .complete(waiter, replies)
        }
        let farewell = queue[0].whenAbandoned?(index, reply)
        if isLast {
            queue.removeFirst()
            followHead()
        }
        if let farewell {
            // One more request without a waiter; its reply is dropped here too.
            append(Entry(id: makeID(), bytes: ByteBuffer(), count: 1, deadline: nil, waiter: nil))
            return .send(farewell)
        }
        return .none
    }

    /// The connection of this generation is being made.
    func isConnecting(_ asked: ConnectionGeneration) -> Bool {
        guard case .connecting = phase else { return false }
        return asked == generation
    }

    /// There is no connection, and none is being made.
    var isIdle: Bool { if case .idle = phase { true } else { false } }

    /// The replies to the preamble are awaited.
    var isGreeting: Bool { if case .greeting = phase { true } else { false } }

    @inlinable var isReady: Bool { if case .ready = phase { true } else { false } }

    /// The connection is gone: whoever waits is told, and later requests connect anew.
    ///
    /// - Parameter chance: within 0...1, for the backoff's jitter.
    mutating func ended(as cause: TransportError.Code, now: NIODeadline, chance: Double) -> [Failure] {
        let wasReady = isReady
        if !wasReady { replies = [] }
        // Before the connection was usable, a hang-up is a failure to connect.
        let code = !wasReady && cause == .connectionLost ? .connectFailed : cause
        // A connection that never answered counts as failed, however it ended: else a peer that accepts and hangs up
        // would be called without pause. The first one that was ready is excused, unless the peer cannot be talked to.
        failures += 1
        let wait = backoff.delay(afterFailures: failures, chance: chance)
        let answeredBefore = wasReady && failures == 1 && cause != .protocolViolation
        phase = .idle(retryAt: answeredBefore ? nil : now + TimeAmount(wait))
        return loseQueue { waiter, replies in
            Failure(
                waiter: waiter, replies: replies, code: code, mayHaveBeenSent: wasReady,
                retryAfter: answeredBefore ? nil : wait)
        }
    }

    /// The owner drops the connection; the next request connects at once.
    mutating func disconnected() -> [Failure] {
        let wasReady = isReady
        if !wasReady { replies = [] }
        phase = .idle(retryAt: nil)
        let code: TransportError.Code = isClosing ? .closed : .connectionLost
        return loseQueue { waiter, replies in
            Failure(waiter: waiter, replies: replies, code: code, mayHaveBeenSent: wasReady)
        }
    }

    /// Empties the queue: replies that came belong to its head.
    private mutating func loseQueue(_ failure: (Waiter, [Reply]) -> Failure) -> [Failure] {
        var replies = takeReplies()
        let lost = queue
        queue.removeAll()
        followHead()
        return lost.compactMap { entry in
            defer { replies = [] }
            return entry.waiter.map { failure($0, replies) }
        }
    }

    /// No more requests are taken.
    mutating func beginClosing() {
        isClosing = true
    }

    /// Closing, with no reply left to wait for.
    @inlinable var isDrained: Bool { isClosing && queue.isEmpty }

    @inlinable var status: ConnectionStatus {
        let phase: ConnectionStatus.Phase =
            if isClosing {
                .closed
            } else {
                switch self.phase {
                case .idle(let retryAt): .idle(retryAt: retryAt)
                case .connecting, .greeting: .connecting
                case .ready: .ready
                }
            }
        return ConnectionStatus(phase: phase, generation: generation, unanswered: queue.count)
    }
}
