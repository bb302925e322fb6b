package import Logging
package import NIOCore
package import PipelinedTransport

/// Commands and scripts on one Redis or Valkey server, over one connection that all callers share.
///
/// Lazy: nothing is opened before the first command, and a lost connection is made anew by the next one, with a
/// backoff while that fails. Opening logs in, selects the database, loads the scripts and refuses servers that
/// cannot work (older than 5, Cluster, Sentinel).
///
/// No command is ever sent twice by itself, with one exception: the call of a script the server did not know, which
/// has certainly not run. A timeout or a cancelled task ends one wait and nothing else.
package actor RedisClient {
    package nonisolated let unownedExecutor: UnownedSerialExecutor
    package nonisolated let eventLoop: any EventLoop
    package nonisolated let url: RedisURL

    nonisolated let connection: RedisConnection

    private nonisolated let scripts: NIOLoopBoundBox<ScriptOpenings>

    /// The last refusal by an opening request: the transport tells its reason only once, and inside the backoff
    /// that follows says only that it waits.
    private var lastRefusal: RedisError?
    private var lastReconnect: NIODeadline?

    var order = BatchOrder()
    private var lastWait: UInt64 = 0

    /// - Parameters:
    ///   - scripts: the sources of those that will be called, each with one key. They are loaded on every connection.
    ///   - configuration: times and TLS. Without TLS in it the URL decides, and then the server's certificate must
    ///     name the URL's host and be signed by one of the system's authorities.
    ///   - onEvictionPolicy: called on the event loop for each connection made, with what the server does with keys
    ///     when its memory is full (`noeviction`, `allkeys-lru`, …); not where the server does not say.
    ///   - eventLoop: where the connection and this actor run.
    /// - Throws: `tlsUnavailable`, where TLS cannot be set up; `invalidCommand`, where the login or a script is
    ///   beyond what can be sent.
    package init(
        url: RedisURL,
        scripts sources: [String] = [],
        configuration: ConnectionConfiguration? = nil,
        onEvictionPolicy: (@Sendable (String) -> Void)? = nil,
        eventLoop: any EventLoop,
        logger: Logger
    ) throws(RedisError) {
        var configuration = configuration ?? ConnectionConfiguration()
        if url.isTLS, configuration.tls == nil {
            configuration.tls = try Self.verifyingTLS()
        }
        let preamble = try RedisPreamble(url: url, scripts: sources)
        let scripts = NIOLoopBoundBox.makeBoxSendingValue(ScriptOpenings(sources), eventLoop: eventLoop)
        self.url = url
        self.scripts = scripts
        self.eventLoop = eventLoop
        self.unownedExecutor = eventLoop.executor.asUnownedSerialExecutor()
        self.connection = RedisConnection(
            address: url.address,
            configuration: configuration,
            eventLoop: eventLoop,
            preamble: ConnectionPreamble(bytes: preamble.bytes, count: preamble.count) { replies in
                try preamble.verify(replies)
                scripts.value.learn(digests: preamble.digests(in: replies))
                if let policy = preamble.evictionPolicy(in: replies) { onEvictionPolicy?(policy) }
                return nil
            },
            logger: logger,
            makeDecoder: { RedisReplyDecoder(openings: preamble.count) })
    }

    private static func verifyingTLS() throws(RedisError) -> ConnectionConfiguration.TLSMode {
        do {
            return try .verifying()
        } catch {
            throw RedisError(.tlsUnavailable, "TLS cannot be set up: \(error)")
        }
    }

    // MARK: Calls

    /// Writes calls, sends them together, and waits for all their replies, with one suspension.
    ///
    /// **Order:** calls run in the order in which they were written, within a batch and across all batches of this client;
    /// others' may run between them. Where the server has lost a script (`SCRIPT FLUSH`, a restart) its calls have not run,
    /// and each is made once more, with its source, at the end of what was written by then. Calls of the same key keep
    /// their order all the same: one that was followed by another call of its key, which may have run, is not made again
    /// but fails with `NOSCRIPT`, as surely not run. Keys of whole commands are not known and not looked at.
    ///
    /// **Cancelling** the task ends the wait; what was sent by then still runs.
    ///
    /// - Parameters:
    ///   - count: about how many calls will be written.
    ///   - timeout: from the call until the last reply, connecting included; nil waits without limit, and keeps
    ///     everything that is written meanwhile in memory.
    ///   - accepts: whether a call with such a tag can have been answered so; nil takes anything. Errors are not asked
    ///     about. Only their order says which reply answers what: after one that cannot be right the connection is
    ///     closed, and all calls still waiting on it fail with `transport`.
    ///   - write: writes the calls, on the event loop.
    /// - Returns: a result for each call, in their order.
    package func send(
        reserving count: Int = 1, timeout: Duration? = .seconds(5),
        accepts: (@Sendable (UInt8, RedisValue) -> Bool)? = nil, _ write: @Sendable (inout RedisBatch) -> Void
    ) async -> RedisReplies {
        let deadline = timeout.map { NIODeadline.now() + TimeAmount($0) }
        lastWait += 1
        let id = lastWait
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                // Here, where no turn of the loop passes any more before the batch has its place in the order.
                var batch = RedisBatch(calling: scripts.value.openings, reserving: count)
                write(&batch)
                let wait = Wait(id: id, deadline: deadline, accepts: accepts, waiter: waiter)
                if Task.isCancelled { wait.end(with: .cancelled, batch, at: url.address) } else { begin(batch, wait) }
            }
        } onCancel: {
            eventLoop.execute { self.assumeIsolated { $0.abandon(id) } }
        }
    }

    /// Sends one command of text.
    ///
    /// - Throws: `server` and its kin for a refusal, `transport` where there is no reply.
    package func command(_ words: String..., timeout: Duration? = .seconds(5)) async throws(RedisError) -> RedisValue {
        let replies = await send(timeout: timeout) { $0.command(words.map { .text($0) }) }
        return try replies[0].get()
    }

    /// Calls as they go over the wire.
    package func written(_ write: @Sendable (inout RedisBatch) -> Void) -> ByteBuffer {
        var batch = RedisBatch(calling: scripts.value.openings)
        write(&batch)
        return batch.bytes
    }

    /// One call of ``send(reserving:timeout:accepts:_:)``.
    private struct Wait {
        let id: UInt64
        let deadline: NIODeadline?
        let accepts: (@Sendable (UInt8, RedisValue) -> Bool)?
        let waiter: CheckedContinuation<RedisReplies, Never>

        func end(with code: TransportError.Code, _ batch: RedisBatch, at address: ServerAddress) {
            let error = RedisError(TransportError(code, address: address, mayHaveBeenSent: false))
            waiter.resume(returning: RedisReplies([], error, to: batch))
        }
    }

    private func begin(_ batch: RedisBatch, _ wait: Wait) {
        guard batch.sentCount > 0 else { return wait.waiter.resume(returning: RedisReplies([], nil, to: batch)) }
        post(batch, for: wait) { place, replies in
            // Whatever was written until now is before what is made again: the turn of the replies has not ended.
            let missing = replies.refused(with: "NOSCRIPT").filter { batch.calls[$0].script != nil }
            let again = self.order.repeatable(missing, of: place)
            self.order.end(place)
            guard !again.isEmpty, wait.deadline.map({ $0 > .now() }) ?? true else {
                return wait.waiter.resume(returning: replies)
            }
            self.makeAgain(again, of: batch, replies, wait)
        }
    }

    /// Makes calls once more, by source: that the server cannot miss, whatever others do.
    private func makeAgain(_ indexes: [Int], of batch: RedisBatch, _ replies: RedisReplies, _ wait: Wait) {
        let again = batch.calls(at: indexes, opening: scripts.value.bySource)
        // None finds room only where one script is nearly all that can be sent.
        guard again.sentCount > 0 else { return wait.waiter.resume(returning: replies) }
        post(again, for: wait) { place, repeated in
            self.order.end(place)
            var replies = replies
            replies.replace(indexes, with: repeated)
            wait.waiter.resume(returning: replies)
        }
    }

    /// Sends a batch, and gives it its place in the order in the same turn.
    private func post(
        _ batch: RedisBatch, for wait: Wait, whenOver: @escaping (_ place: Int, _ replies: RedisReplies) -> Void
    ) {
        var accepts: (@Sendable (Int, RedisValue) -> Bool)?
        if let isRight = wait.accepts {
            accepts = { [calls = batch.calls, sent = batch.sentIndexes] position, reply in
                if case .error = reply { return true }
                return isRight(calls[sent?[position] ?? position].tag, reply)
            }
        }
        let place = order.append(batch, for: wait.id)
        let request = connection.onLoop.post(
            RequestBatch(
                bytes: batch.bytes, count: batch.sentCount,
                timeout: wait.deadline.map { .nanoseconds(max(($0 - .now()).nanoseconds, 0)) }, accepts: accepts)
        ) { outcome in
            let failure = outcome.failure.map { self.explain($0) }
            if failure == nil { self.lastRefusal = nil }
            let replies = RedisReplies(outcome.replies, failure, to: batch)
            whenOver(place, replies)
            if !replies.refused(with: "READONLY").isEmpty { self.leaveReplica(outcome.generation) }
        }
        order.name(place, request: request)
    }

    /// Ends a wait whose task was cancelled.
    private func abandon(_ wait: UInt64) {
        if let request = order.request(of: wait) { connection.abandonSoon(request) }
    }

    private func explain(_ failure: TransportError) -> RedisError {
        var error = RedisError(failure)
        switch failure.code {
        case .preambleRejected, .protocolViolation:
            lastRefusal = error
        case .connectFailed, .connectionLost:
            lastRefusal = nil
        case .backingOff:
            if let refusal = lastRefusal {
                error = refusal
                error.transport = failure
                error.mayHaveBeenSent = false
            }
        default:
            break
        }
        return error
    }

    /// Drops a connection to what has become a replica, so that the next command looks the address up again and
    /// finds the new primary; at most once a second, as the replica may be all there is.
    private func leaveReplica(_ generation: ConnectionGeneration) {
        let now = NIODeadline.now()
        if let lastReconnect, now < lastReconnect + .seconds(1) { return }
        guard connection.onLoop.status.generation == generation else { return }
        lastReconnect = now
        connection.onLoop.disconnect()
    }

    /// Takes no more commands, waits up to a second for the replies still due, and closes.
    ///
    /// Not interrupted by cancellation. Later commands fail with `transport`, whose own code is `closed`.
    package func close(drainingFor limit: Duration = .seconds(1)) async {
        await connection.close(drainingFor: limit)
    }
}

extension RedisClient: CustomStringConvertible, CustomReflectable {
    package nonisolated var description: String { "RedisClient(\(url))" }

    package nonisolated var customMirror: Mirror { Mirror(self, children: ["url": url]) }
}
