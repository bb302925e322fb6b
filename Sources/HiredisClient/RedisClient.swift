public import Logging
public import NIOCore
public import PipelinedTransport

/// Commands and scripts on one Redis or Valkey server, over one connection that all callers share.
///
/// Lazy: nothing is opened before the first command, and a lost connection is made anew by the next one, with a
/// backoff while that fails. Opening logs in, selects the database, loads the scripts and refuses servers that
/// cannot work (older than 5, Cluster, Sentinel).
///
/// No command is ever sent twice by itself, with one exception: a script the server did not know, which has
/// certainly not run. A timeout or a cancelled task ends one wait and nothing else.
public actor RedisClient {
    public nonisolated let unownedExecutor: UnownedSerialExecutor
    public nonisolated let eventLoop: any EventLoop
    public nonisolated let url: RedisURL

    /// The scripts loaded on every connection.
    public nonisolated let scripts: [RedisScript]

    nonisolated let connection: RedisConnection

    /// The last refusal by an opening request: the transport tells its reason only once, and inside the backoff
    /// that follows says only that it waits.
    private var lastRefusal: RedisError?
    private var lastReconnect: NIODeadline?

    // For evaluate(_:timeout:).
    var keyOrder = KeyOrder<CallID, Int>()
    var evaluations: [UInt64: Evaluation] = [:]
    var lastEvaluation: UInt64 = 0
    /// How often scripts were loaded because the server had forgotten one.
    var reloads: UInt64 = 0

    /// - Parameters:
    ///   - scripts: what ``evaluate(_:timeout:)`` will call; others work too, but are loaded only when missed.
    ///   - configuration: times and TLS. Without TLS in it the URL decides, and then the server's certificate must
    ///     name the URL's host and be signed by one of the system's authorities.
    ///   - onEvictionPolicy: called on the event loop for each connection made, with what the server does with keys
    ///     when its memory is full (`noeviction`, `allkeys-lru`, …); not where the server does not say.
    ///   - eventLoop: where the connection and this actor run.
    /// - Throws: `tlsUnavailable`, where TLS cannot be set up; `invalidCommand`, where the login or a script is
    ///   beyond what can be sent.
    public init(
        url: RedisURL,
        scripts: [RedisScript] = [],
        configuration: ConnectionConfiguration? = nil,
        onEvictionPolicy: (@Sendable (String) -> Void)? = nil,
        eventLoop: any EventLoop,
        logger: Logger
    ) throws(RedisError) {
        var configuration = configuration ?? ConnectionConfiguration()
        if url.isTLS, configuration.tls == nil {
            configuration.tls = try Self.verifyingTLS()
        }
        let preamble = try RedisPreamble(url: url, scripts: scripts)
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
                if let policy = preamble.evictionPolicy(in: replies) { onEvictionPolicy?(policy) }
            },
            logger: logger,
            makeDecoder: { RedisReplyDecoder() })
    }

    private static func verifyingTLS() throws(RedisError) -> ConnectionConfiguration.TLSMode {
        do {
            return try .verifying()
        } catch {
            throw RedisError(.tlsUnavailable, "TLS cannot be set up: \(error)")
        }
    }

    // MARK: Commands

    /// Sends commands together and waits for all their replies, with one suspension.
    ///
    /// The commands run in order, but others' may run between them. Cancelling the task ends the wait; what was
    /// sent by then still runs.
    ///
    /// - Parameter timeout: from the call until the last reply, connecting included; nil waits without limit.
    /// - Returns: a result for each command. Where one cannot be encoded, or all of them have 2 GiB, none is sent and all
    ///   fail with `invalidCommand`.
    public func execute(_ commands: [RedisCommand], timeout: Duration? = .seconds(5)) async -> RedisOutcome {
        guard !commands.isEmpty else { return RedisOutcome(results: []) }
        var bytes = ByteBuffer()
        do throws(RedisError) {
            for command in commands { try command.encode(into: &bytes) }
        } catch {
            return RedisOutcome(results: Array(repeating: .failure(error), count: commands.count))
        }
        let outcome = await exchange(bytes, count: commands.count, timeout: timeout)
        var results: [Result<RedisValue, RedisError>] = []
        results.reserveCapacity(commands.count)
        for reply in outcome.replies {
            if case .error(let text) = reply {
                results.append(.failure(RedisError(serverError: text, mayHaveBeenSent: true)))
            } else {
                results.append(.success(reply))
            }
        }
        if let failure = outcome.failure {
            while results.count < commands.count { results.append(.failure(failure)) }
        }
        return RedisOutcome(results: results)
    }

    /// Sends one command of text and waits up to 5 seconds for its reply.
    ///
    /// - Throws: `server` and its kin for a refusal, `transport` where there is no reply.
    public func command(_ words: String...) async throws(RedisError) -> RedisValue {
        let outcome = await execute([RedisCommand(words.map { .text($0) })])
        guard let result = outcome.results.first else {
            throw RedisError(.malformedReply, "no result for a command")
        }
        return try result.get()
    }

    /// Sends encoded commands.
    ///
    /// - Returns: the replies, refusals among them, and why they are fewer than the commands.
    func exchange(
        _ bytes: ByteBuffer, count: Int, timeout: Duration?, accepts: (@Sendable (Int, RedisValue) -> Bool)? = nil
    ) async -> (replies: [RedisValue], failure: RedisError?) {
        let outcome = await connection.send(
            RequestBatch(bytes: bytes, count: count, timeout: timeout, accepts: accepts))
        let failure = outcome.failure.map { explain($0) }
        if failure == nil { lastRefusal = nil }
        let isReadOnly = outcome.replies.contains { reply in
            guard case .error(let text) = reply else { return false }
            return RedisError(serverError: text).serverPrefix == "READONLY"
        }
        if isReadOnly { leaveReplica(outcome.generation) }
        return (outcome.replies, failure)
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

    // MARK: State

    /// Whether a connection is open and its opening requests were accepted.
    public var isReady: Bool {
        get async { await connection.status.phase == .ready }
    }

    /// What the connection is doing.
    public var status: ConnectionStatus {
        get async { await connection.status }
    }

    /// Takes no more commands, waits up to a second for the replies still due, and closes.
    ///
    /// Not interrupted by cancellation. Later commands fail with `transport`, whose own code is `closed`.
    public func close() async {
        await connection.close()
    }
}

extension RedisClient: CustomStringConvertible, CustomReflectable {
    public nonisolated var description: String { "RedisClient(\(url))" }

    public nonisolated var customMirror: Mirror { Mirror(self, children: ["url": url]) }
}
