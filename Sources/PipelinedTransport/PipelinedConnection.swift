public import Logging
public import NIOCore

/// One lazily made connection to a server that answers requests in order.
///
/// The actor runs on the connection's event loop, so talking to the channel needs no lock and no hop. All callers
/// share the connection: what they send in one turn of the loop is flushed once.
///
/// Nothing is opened before the first request. A lost connection is made anew by the next request, after an
/// exponential backoff while attempts fail; requests inside the backoff fail at once with `backingOff`.
/// A timeout or a cancelled task ends one wait only: the connection and everybody else's requests go on.
///
/// What every request passes is inlinable, so that it is compiled for the types of the protocol it serves, where those
/// are known. That takes the word `final` too: without it an actor's methods are called through a table from other
/// modules, and stay generic.
public final actor PipelinedConnection<Decoder: ReplyDecoder> {
    public typealias Reply = Decoder.Reply
    @usableFromInline typealias Waiter = BatchWaiter<Reply>

    public nonisolated let unownedExecutor: UnownedSerialExecutor
    public nonisolated let eventLoop: any EventLoop
    public nonisolated let address: ServerAddress

    private let configuration: ConnectionConfiguration
    private let preamble: ConnectionPreamble<Reply>
    private let makeDecoder: @Sendable () -> Decoder
    private let logger: Logger

    @usableFromInline var pipeline: Pipeline<Reply, Waiter>
    @usableFromInline var channel: (any Channel)?
    @usableFromInline var decoder: Decoder?
    @usableFromInline var outbound = ByteBuffer()
    @usableFromInline var isFlushScheduled = false
    @usableFromInline var deadlineTimer: (at: NIODeadline, task: Scheduled<Void>)?
    private var connectTimer: Scheduled<Void>?
    private var drainWaiters: [CheckedContinuation<Void, Never>] = []

    /// - Parameter eventLoop: where the connection and this actor run; give one loop to connections that work together.
    /// - Parameter preamble: what opens every connection, such as a login.
    public init(
        address: ServerAddress,
        configuration: ConnectionConfiguration = .init(),
        eventLoop: any EventLoop,
        preamble: ConnectionPreamble<Reply> = .none,
        logger: Logger,
        makeDecoder: @escaping @Sendable () -> Decoder
    ) {
        self.unownedExecutor = eventLoop.executor.asUnownedSerialExecutor()
        self.eventLoop = eventLoop
        self.address = address
        self.configuration = configuration
        self.preamble = preamble
        self.makeDecoder = makeDecoder
        var logger = logger
        logger[metadataKey: "dq.address"] = "\(address)"
        self.logger = logger
        self.pipeline = Pipeline(preambleCount: preamble.count, backoff: configuration.backoff)
    }

    deinit {
        channel?.close(mode: .all, promise: nil)
    }

    // MARK: Requests

    /// Sends a batch and waits for all its replies.
    ///
    /// Never throws: the outcome carries the replies that came and why others did not. Cancelling the task ends the
    /// wait; what was already written is answered into the void, through `whenAbandoned`.
    @inlinable public func send(_ batch: RequestBatch<Reply>) async -> BatchOutcome<Reply> {
        if Task.isCancelled {
            return BatchOutcome(
                replies: [], failure: error(.cancelled, mayHaveBeenSent: false), generation: pipeline.generation)
        }
        let id = pipeline.makeID()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                start(batch, id: id, waiter: .task(waiter))
            }
        } onCancel: {
            abandonSoon(id)
        }
    }

    /// Sends a batch in this turn of the loop, and calls back when ``send(_:)`` would return: for whoever runs on the
    /// event loop already, and needs no task to wait in.
    ///
    /// - Parameter whenOver: called once, on the event loop; within this call where the batch fails at once. It must
    ///   not wait.
    /// - Returns: the name to end the wait by.
    @inlinable package func post(
        _ batch: RequestBatch<Reply>, whenOver: @escaping @Sendable (BatchOutcome<Reply>) -> Void
    ) -> UInt64 {
        let id = pipeline.makeID()
        start(batch, id: id, waiter: .callback(whenOver), flushesAtOnce: true)
        return id
    }

    /// Ends the wait for a posted batch, as cancelling the task does that waits in ``send(_:)``, from any thread and
    /// in a later turn of the loop.
    @usableFromInline package nonisolated func abandonSoon(_ id: UInt64) {
        eventLoop.execute {
            self.assumeIsolated { $0.fail($0.pipeline.cancel(id).map { [$0] } ?? []) }
        }
    }

    /// What the connection is doing now.
    public var status: ConnectionStatus { pipeline.status }

    @inlinable func start(
        _ batch: RequestBatch<Reply>, id: UInt64, waiter: Waiter, flushesAtOnce: Bool = false
    ) {
        let now = NIODeadline.now()
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
                returning: BatchOutcome(
                    replies: failure.replies,
                    failure: error(
                        failure.code, mayHaveBeenSent: failure.mayHaveBeenSent, retryAfter: failure.retryAfter,
                        underlying: underlying),
                    generation: pipeline.generation))
        }
    }

    @usableFromInline func error(
        _ code: TransportError.Code, mayHaveBeenSent: Bool, retryAfter: Duration? = nil,
        underlying: (any Error)? = nil
    ) -> TransportError {
        TransportError(
            code, address: address, mayHaveBeenSent: mayHaveBeenSent, retryAfter: retryAfter, underlying: underlying)
    }

    // MARK: Writing

    @inlinable func write(_ bytes: ByteBuffer, flushesAtOnce: Bool = false) {
        if outbound.readableBytes == 0 {
            outbound = bytes
        } else {
            outbound.writeImmutableBuffer(bytes)
        }
        if flushesAtOnce { return flush() }
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        eventLoop.execute {
            self.assumeIsolated {
                $0.isFlushScheduled = false
                $0.flush()
            }
        }
    }

    @inlinable func flush() {
        guard outbound.readableBytes > 0 else { return }
        let bytes = outbound
        outbound = ByteBuffer()
        channel?.writeAndFlush(bytes, promise: nil)
    }

    // MARK: Deadlines

    /// One timer serves all waits: it is moved only for an earlier deadline, and looks at every wait when it fires.
    @inlinable func armTimer(for deadline: NIODeadline) {
        if let timer = deadlineTimer, timer.at <= deadline { return }
        setTimer(for: deadline)
    }

    @usableFromInline func setTimer(for deadline: NIODeadline) {
        deadlineTimer?.task.cancel()
        let task = eventLoop.scheduleTask(deadline: deadline) { [weak self] in
            guard let self else { return }
            self.assumeIsolated { $0.deadlineReached() }
        }
        deadlineTimer = (deadline, task)
    }

    private func deadlineReached() {
        deadlineTimer = nil
        fail(pipeline.expire(now: .now()))
        if let next = pipeline.nextDeadline { armTimer(for: next) }
    }

    // MARK: Connecting

    @inlinable func connect() {
        let generation = pipeline.generation
        openChannel { [weak self] event in
            guard let self else { return }
            self.assumeIsolated { $0.handle(event, on: generation) }
        }
    }

    @usableFromInline func openChannel(_ receive: @escaping @Sendable (ChannelEvent) -> Void) {
        let generation = pipeline.generation
        logger.debug("connecting", metadata: ["dq.generation": "\(generation.number)"])
        connectTimer = eventLoop.scheduleTask(in: TimeAmount(configuration.connectTimeout)) { [weak self] in
            guard let self else { return }
            self.assumeIsolated { $0.ended(generation, as: .connectFailed, underlying: ConnectTimeout()) }
        }
        ChannelFactory(address: address, configuration: configuration, eventLoop: eventLoop)
            .connect(receive)
            .whenComplete { [weak self] result in
                guard let self else {
                    if case .success(let channel) = result { channel.close(mode: .all, promise: nil) }
                    return
                }
                self.assumeIsolated { $0.connectCompleted(result, generation: generation) }
            }
    }

    private func connectCompleted(_ result: Result<any Channel, any Error>, generation: ConnectionGeneration) {
        switch result {
        case .failure(let error):
            ended(generation, as: .connectFailed, underlying: error)
        case .success(let channel):
            switch pipeline.opened(generation) {
            case .close:
                channel.close(mode: .all, promise: nil)
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

    @inlinable func handle(_ event: ChannelEvent, on generation: ConnectionGeneration) {
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
            ended(generation, as: .protocolViolation, underlying: error)
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
            waiter.resume(
                returning: BatchOutcome(replies: replies, failure: nil, generation: pipeline.generation))
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
        do {
            try preamble.verify(replies)
        } catch {
            ended(pipeline.generation, as: .preambleRejected, underlying: error)
            return false
        }
        becameReady(pipeline.preambleAccepted())
        return true
    }

    @usableFromInline func endedByUnexpectedReply() {
        ended(pipeline.generation, as: .protocolViolation, underlying: UnexpectedReply())
    }

    @usableFromInline func ended(
        _ generation: ConnectionGeneration, as code: TransportError.Code, underlying: (any Error)?
    ) {
        guard generation == pipeline.generation, !pipeline.isIdle else { return }
        let failures = pipeline.ended(as: code, now: .now(), chance: Double.random(in: 0...1))
        dropChannel()
        logger.debug(
            "connection ended", metadata: ["dq.code": "\(code)", "dq.error": "\(underlying.map { "\($0)" } ?? "none")"])
        fail(failures, underlying: underlying)
        if pipeline.isDrained { finishClosing() }
    }

    private func dropChannel() {
        connectTimer?.cancel()
        connectTimer = nil
        channel?.close(mode: .all, promise: nil)
        channel = nil
        decoder = nil
        outbound = ByteBuffer()
    }

    // MARK: Closing

    /// Drops the current connection, if any: waiting requests fail with `connectionLost`, the next one connects at once.
    public func disconnect() {
        let failures = pipeline.disconnected()
        dropChannel()
        fail(failures)
    }

    /// Takes no more requests, waits for the replies still due, and closes.
    ///
    /// Not interrupted by cancellation. Calling it again waits for the same end.
    ///
    /// - Parameter limit: how long to wait for replies; what is unanswered then fails with `closed`.
    public func close(drainingFor limit: Duration = .seconds(1)) async {
        pipeline.beginClosing()
        if pipeline.isDrained {
            finishClosing()
            return
        }
        let timer = eventLoop.scheduleTask(in: TimeAmount(limit)) { [weak self] in
            guard let self else { return }
            self.assumeIsolated { $0.finishClosing() }
        }
        await withCheckedContinuation { drainWaiters.append($0) }
        timer.cancel()
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

extension PipelinedConnection: CustomReflectable {
    /// The address only: what opens a connection may be a login.
    public nonisolated var customMirror: Mirror { Mirror(self, children: ["address": address]) }
}

/// The server did not greet in time.
struct ConnectTimeout: Error, CustomStringConvertible {
    var description: String { "no answer within the connect timeout" }
}

/// The server sent a reply that no request asked for, or one that cannot answer the request it was for.
struct UnexpectedReply: Error, CustomStringConvertible {
    var description: String { "a reply to something that was not asked" }
}
