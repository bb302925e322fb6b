import Logging
public import NIOCore

/// Carries out what a connection's pipeline decides, on the event loop and nowhere else.
///
/// A class, not an actor: what the channel reports and what a producer on the same loop asks for comes many times a
/// second, and a call into an actor from outside of its tasks costs three checks of its executor, some hundred
/// instructions each. The box that ``PipelinedConnection`` keeps it in checks the thread instead, for a few.
///
/// What every request passes is inlinable, so that it is compiled for the types of the protocol it serves, where those
/// are known. That takes the word `final` too: without it methods are called through a table from other modules, and
/// stay generic.
@usableFromInline package final class ConnectionDriver<Decoder: ReplyDecoder> {
    @usableFromInline package typealias Reply = Decoder.Reply
    @usableFromInline typealias Waiter = BatchWaiter<Reply>

    @usableFromInline let eventLoop: any EventLoop
    private let address: ServerAddress
    private let configuration: ConnectionConfiguration
    private let preamble: ConnectionPreamble<Reply>
    private let makeDecoder: @Sendable () -> Decoder
    private let logger: Logger

    @usableFromInline var pipeline: Pipeline<Reply, Waiter>
    @usableFromInline var channel: (any ByteChannel)?
    @usableFromInline var decoder: Decoder?
    @usableFromInline var outbound = ByteBuffer()
    @usableFromInline var isFlushScheduled = false
    @usableFromInline var deadlineTimer: (at: NIODeadline, task: Scheduled<Void>)?
    private var connectTimer: Scheduled<Void>?
    /// The address of the host is being asked for.
    private var isLookingUp = false
    /// Why the last connection ended, where it is known.
    private var lastEnd: (any Error)?
    private var drainWaiters: [CheckedContinuation<Void, Never>] = []

    init(
        address: ServerAddress, configuration: ConnectionConfiguration, eventLoop: any EventLoop,
        preamble: ConnectionPreamble<Reply>, logger: Logger, makeDecoder: @escaping @Sendable () -> Decoder
    ) {
        self.eventLoop = eventLoop
        self.address = address
        self.configuration = configuration
        self.preamble = preamble
        self.makeDecoder = makeDecoder
        self.logger = logger
        self.pipeline = Pipeline(preambleCount: preamble.count, backoff: configuration.backoff)
    }

    deinit {
        channel?.close()
    }

    // MARK: Requests

    /// What the connection is doing now.
    @inlinable package var status: ConnectionStatus { pipeline.status }

    /// There is a connection, and it has been greeted.
    @inlinable package var isReady: Bool { !pipeline.isClosing && pipeline.isReady }

    /// Sends a batch in this turn of the loop, and calls back when ``PipelinedConnection/send(_:)`` would return: for
    /// whoever needs no task to wait in.
    ///
    /// - Parameter flushesAtOnce: else it leaves with all else that is sent in this turn.
    /// - Parameter whenOver: called once, on the event loop; within this call where the batch fails at once. It must
    ///   not wait.
    /// - Returns: the name to end the wait by.
    @inlinable package func post(
        _ batch: RequestBatch<Reply>, flushesAtOnce: Bool = false, whenOver: @escaping (BatchOutcome<Reply>) -> Void
    ) -> UInt64 {
        let id = makeID()
        start(batch, id: id, waiter: Waiter(whenOver), flushesAtOnce: flushesAtOnce)
        return id
    }

    /// Ends the wait for a batch; what was already written is answered into the void, through `whenAbandoned`.
    @usableFromInline func abandon(_ id: UInt64) {
        fail(pipeline.cancel(id).map { [$0] } ?? [])
    }

    @inlinable func makeID() -> UInt64 { pipeline.makeID() }

    /// How a batch ends that is not sent, as its task was cancelled.
    @usableFromInline var cancelledUnsent: BatchOutcome<Reply> {
        BatchOutcome(
            replies: [], failure: error(.cancelled, mayHaveBeenSent: false), generation: pipeline.generation)
    }

    @inlinable func start(
        _ batch: RequestBatch<Reply>, id: UInt64, waiter: Waiter, flushesAtOnce: Bool = false
    ) {
        let now = eventLoop.now
        let deadline = batch.timeout.map { now + TimeAmount($0) }
        let entry = Pipeline<Reply, Waiter>.Entry(
            id: id, bytes: batch.bytes, count: batch.count, deadline: deadline, waiter: waiter,
            whenAbandoned: batch.whenAbandoned, accepts: batch.accepts)
        switch pipeline.enqueue(entry, boundTo: batch.generation, now: now) {
        case .connect:
            connect()
        case .write(let bytes):
            write(bytes, flushesAtOnce: flushesAtOnce)
        case .wait:
            break
        case .fail(let failure):
            fail([failure])
            return
        }
        if let deadline { armTimer(for: deadline) }
    }

    @usableFromInline func fail(_ failures: [Pipeline<Reply, Waiter>.Failure], underlying: (any Error)? = nil) {
        for failure in failures {
            failure.waiter.resume(
                BatchOutcome(
                    replies: failure.replies,
                    failure: error(
                        failure.code, mayHaveBeenSent: failure.mayHaveBeenSent, retryAfter: failure.retryAfter,
                        underlying: underlying),
                    generation: pipeline.generation))
        }
    }

    private func error(
        _ code: TransportError.Code, mayHaveBeenSent: Bool, retryAfter: Duration? = nil,
        underlying: (any Error)? = nil
    ) -> TransportError {
        // Nothing was tried now: what is told is why the attempt before failed.
        TransportError(
            code, address: address, mayHaveBeenSent: mayHaveBeenSent, retryAfter: retryAfter,
            underlying: underlying ?? (code == .backingOff ? lastEnd : nil))
    }

    // MARK: Writing

    @inlinable func write(_ bytes: ByteBuffer, flushesAtOnce: Bool = false) {
        if outbound.readableBytes == 0 {
            outbound = bytes
        } else if outbound.readableBytes + bytes.readableBytes <= Self.gatheredBytes {
            outbound.writeImmutableBuffer(bytes)
        } else {
            // Not worth copying, and all that comes in one turn might be more than a buffer holds. Flushed, as TLS encrypts
            // all that was written before a flush into one buffer.
            flush()
            outbound = bytes
        }
        if flushesAtOnce { return flush() }
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        eventLoop.assumeIsolated().execute {
            self.isFlushScheduled = false
            self.flush()
        }
    }

    /// The most that is copied together, to be written at once.
    @usableFromInline static var gatheredBytes: Int { 1 << 20 }

    @inlinable func flush() {
        guard outbound.readableBytes > 0 else { return }
        let bytes = outbound
        outbound = ByteBuffer()
        channel?.send(bytes)
    }

    // MARK: Deadlines

    /// One timer serves all waits: it is moved only for an earlier deadline, and looks at every wait when it fires.
    @inlinable func armTimer(for deadline: NIODeadline) {
        if let timer = deadlineTimer, timer.at <= deadline { return }
        setTimer(for: deadline)
    }

    @usableFromInline func setTimer(for deadline: NIODeadline) {
        deadlineTimer?.task.cancel()
        let task = eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in
            if let self { self.deadlineReached() }
        }
        deadlineTimer = (deadline, task)
    }

    private func deadlineReached() {
        deadlineTimer = nil
        fail(pipeline.expire(now: eventLoop.now), underlying: reasonToWait)
        if let next = pipeline.nextDeadline { armTimer(for: next) }
    }

    /// Why nothing that is asked can have been answered yet; nil where there is a connection.
    private var reasonToWait: (any Error)? {
        guard pipeline.isConnecting(pipeline.generation) else { return nil }
        if isLookingUp, let host = address.namedHost?.host { return LookupUnderway(host: host) }
        return ConnectingUnderway(speaksTLS: configuration.tls != nil)
    }

    // MARK: Connecting

    @inlinable func connect() {
        let generation = pipeline.generation
        let weakly = NIOLoopBound(WeakDriver(self), eventLoop: eventLoop)
        openChannel { event in weakly.value.driver?.handle(event, on: generation) }
    }

    /// What a channel knows of its connection, which may go before it.
    @usableFromInline struct WeakDriver {
        @usableFromInline weak var driver: ConnectionDriver?

        @inlinable init(_ driver: ConnectionDriver) {
            self.driver = driver
        }
    }

    @usableFromInline func openChannel(_ receive: @escaping @Sendable (ByteChannelEvent) -> Void) {
        let generation = pipeline.generation
        logger.debug("connecting", metadata: ["dq.generation": "\(generation.number)"])
        guard configuration.localServers == nil, let (host, port) = address.namedHost else {
            return openChannel(to: [], generation, receive)
        }
        let limit = configuration.lookupTimeout
        limitConnecting(to: limit, generation, LookupFailure(host: host, reason: "no answer within \(limit)"))
        isLookingUp = true
        configuration.lookup.addresses(of: host, port: port, on: eventLoop)
            .assumeIsolated()
            .whenComplete { [weak self] result in
                guard let self, self.pipeline.isConnecting(generation) else { return }
                switch result {
                case .failure(let error): self.ended(generation, as: .connectFailed, underlying: error)
                case .success(let addresses):
                    self.isLookingUp = false
                    self.openChannel(to: addresses, generation, receive)
                }
            }
    }

    private func limitConnecting(to limit: Duration, _ generation: ConnectionGeneration, _ failure: any Error) {
        connectTimer?.cancel()
        connectTimer = eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limit)) { [weak self] in
            if let self { self.ended(generation, as: .connectFailed, underlying: failure) }
        }
    }

    /// - Parameter addresses: those of the host, where it has a name.
    private func openChannel(
        to addresses: [SocketAddress], _ generation: ConnectionGeneration,
        _ receive: @escaping @Sendable (ByteChannelEvent) -> Void
    ) {
        limitConnecting(
            to: configuration.connectTimeout, generation, ConnectTimeout(speaksTLS: configuration.tls != nil))
        let opened =
            configuration.localServers?.connect(to: address, on: eventLoop, receive: receive)
            ?? ChannelFactory(
                address: address, configuration: configuration, eventLoop: eventLoop, addresses: addresses
            ).connect(receive).map { SocketChannel(channel: $0) }
        opened
            .assumeIsolated()
            .whenComplete { [weak self] result in
                guard let self else {
                    if case .success(let channel) = result { channel.close() }
                    return
                }
                self.connectCompleted(result, generation: generation)
            }
    }

    private func connectCompleted(_ result: Result<any ByteChannel, any Error>, generation: ConnectionGeneration) {
        switch result {
        case .failure(let error):
            ended(generation, as: .connectFailed, underlying: error)
        case .success(let channel):
            switch pipeline.opened(generation) {
            case .close:
                channel.close()
            case .greet:
                self.channel = channel
                decoder = makeDecoder()
                write(preamble.bytes)
            case .write(let waiting):
                self.channel = channel
                decoder = makeDecoder()
                becameReady(waiting)
            }
        }
    }

    @usableFromInline func becameReady(_ waiting: [ByteBuffer]) {
        connectTimer?.cancel()
        connectTimer = nil
        logger.debug("connected", metadata: ["dq.generation": "\(pipeline.generation.number)"])
        for bytes in waiting { write(bytes) }
    }

    @inlinable func handle(_ event: ByteChannelEvent, on generation: ConnectionGeneration) {
        guard generation == pipeline.generation else { return }
        switch event {
        case .bytes(let bytes):
            received(bytes)
        case .ended(let error):
            ended(generation, as: .connectionLost, underlying: error)
        }
    }

    @inlinable func received(_ bytes: ByteBuffer) {
        let generation = pipeline.generation
        decoder?.feed(bytes)
        do {
            // The decoder goes away with its connection, which a reply may end.
            repeat {
                guard try pipeline.absorb({ try decoder?.next($0, into: &$1) }) else {
                    endedByUnexpectedReply()
                    return
                }
                guard let reply = try decoder?.next() else { return }
                guard handle(reply) else { return }
            } while generation == pipeline.generation
        } catch {
            endedByUnreadableReply(error)
        }
    }

    /// - Returns: false where the connection has ended.
    @inlinable func handle(_ reply: Reply) -> Bool {
        switch pipeline.received(reply) {
        case .none:
            if pipeline.isDrained {
                finishClosing()
                return false
            }
        case .complete(let waiter, let replies):
            waiter.resume(BatchOutcome(replies: replies, failure: nil, generation: pipeline.generation))
            if pipeline.isDrained {
                finishClosing()
                return false
            }
        case .send(let bytes):
            write(bytes)
        case .verifyPreamble(let replies):
            return greeted(replies)
        case .violation:
            endedByUnexpectedReply()
            return false
        }
        return true
    }

    /// - Returns: false where the connection has ended.
    @usableFromInline func greeted(_ replies: [Reply]) -> Bool {
        let peer: UInt64?
        do {
            peer = try preamble.verify(replies)
        } catch {
            ended(pipeline.generation, as: .preambleRejected, underlying: error)
            return false
        }
        becameReady(pipeline.preambleAccepted(by: peer))
        return true
    }

    @usableFromInline func endedByUnreadableReply(_ error: any Error) {
        if pipeline.isGreeting, let explain = preamble.explain {
            ended(pipeline.generation, as: .preambleRejected, underlying: explain(error))
        } else {
            ended(pipeline.generation, as: .protocolViolation, underlying: error)
        }
    }

    @usableFromInline func endedByUnexpectedReply() {
        ended(pipeline.generation, as: .protocolViolation, underlying: UnexpectedReply())
    }

    @usableFromInline func ended(
        _ generation: ConnectionGeneration, as code: TransportError.Code, underlying: (any Error)?
    ) {
        guard generation == pipeline.generation, !pipeline.isIdle else { return }
        var underlying = SocketFailure.explaining(underlying)
        if underlying == nil, pipeline.isGreeting { underlying = HungUp(speaksTLS: configuration.tls != nil) }
        let failures = pipeline.ended(as: code, now: eventLoop.now, chance: Double.random(in: 0...1))
        dropChannel()
        logger.debug(
            "connection ended", metadata: ["dq.code": "\(code)", "dq.error": "\(underlying.map { "\($0)" } ?? "none")"])
        lastEnd = underlying
        fail(failures, underlying: underlying)
        if pipeline.isDrained { finishClosing() }
    }

    private func dropChannel() {
        isLookingUp = false
        connectTimer?.cancel()
        connectTimer = nil
        channel?.close()
        channel = nil
        decoder = nil
        outbound = ByteBuffer()
    }

    // MARK: Closing

    /// Drops the current connection, if any: waiting requests fail with `connectionLost`, the next one connects at once.
    package func disconnect() {
        let failures = pipeline.disconnected()
        dropChannel()
        fail(failures)
    }

    /// Takes no more requests.
    ///
    /// - Parameter drained: resumed once no reply is due any more, or ``finishClosing()`` was called.
    func close(_ drained: CheckedContinuation<Void, Never>) {
        pipeline.beginClosing()
        drainWaiters.append(drained)
        if pipeline.isDrained { finishClosing() }
    }

    @usableFromInline func finishClosing() {
        disconnect()
        deadlineTimer?.task.cancel()
        deadlineTimer = nil
        let waiters = drainWaiters
        drainWaiters = []
        for waiter in waiters { waiter.resume() }
    }
}

/// The server did not greet in time.
struct ConnectTimeout: Error, CustomStringConvertible {
    let speaksTLS: Bool

    var description: String {
        "no answer within the connect timeout" + (speaksTLS ? ", perhaps as this port does not speak TLS" : "")
    }
}

/// The request waited for a connection.
struct ConnectingUnderway: Error, CustomStringConvertible {
    let speaksTLS: Bool

    var description: String {
        "it is not connected yet" + (speaksTLS ? ", perhaps as this port does not speak TLS" : "")
    }
}

/// The server ended the connection in place of its first answer.
struct HungUp: Error, CustomStringConvertible {
    let speaksTLS: Bool

    var description: String {
        "it hung up before its first answer" + (speaksTLS ? "" : ", perhaps as this port speaks TLS")
    }
}

/// The request waited for a connection, and that for the host's address.
struct LookupUnderway: Error, CustomStringConvertible {
    let host: String

    var description: String { "the address of \(host) is still looked up (DNS)" }
}

/// The server sent a reply that no request asked for, or one that cannot answer the request it was for.
struct UnexpectedReply: Error, CustomStringConvertible {
    var description: String { "a reply to something that was not asked" }
}
