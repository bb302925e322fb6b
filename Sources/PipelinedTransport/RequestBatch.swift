public import NIOCore

/// Requests that travel together: written in one go, answered in order, awaited once.
@usableFromInline package struct RequestBatch<Reply: Sendable>: Sendable {
    /// The encoded requests, one after the other.
    @usableFromInline package var bytes: ByteBuffer

    /// How many replies the bytes call for; at least one.
    @usableFromInline package var count: Int

    /// The time until the last reply must have arrived, from the call on; nil waits without limit.
    @usableFromInline package var timeout: Duration?

    /// The only connection generation the batch may be sent on.
    ///
    /// beanstalkd's reservations die with their connection, so a command about one must not be sent on the next.
    @usableFromInline package var generation: ConnectionGeneration?

    /// What to send, if anything, when a reply arrives that nobody waits for any more.
    ///
    /// Called on the connection's event loop with the reply's index in the batch, once a timeout or a
    /// cancellation has ended the wait. The replies to these bytes (exactly one request) are dropped.
    @usableFromInline package var whenAbandoned: (@Sendable (Int, Reply) -> ByteBuffer?)?

    /// Whether a reply can be the answer to the request at an index of the batch; nil takes any.
    ///
    /// Called on the connection's event loop. Only their order says which reply answers what, so after one that cannot
    /// be right none can be told to be anybody's: the connection ends with `protocolViolation`.
    @usableFromInline package var accepts: (@Sendable (Int, Reply) -> Bool)?

    @inlinable package init(
        bytes: ByteBuffer,
        count: Int = 1,
        timeout: Duration?,
        generation: ConnectionGeneration? = nil,
        whenAbandoned: (@Sendable (Int, Reply) -> ByteBuffer?)? = nil,
        accepts: (@Sendable (Int, Reply) -> Bool)? = nil
    ) {
        precondition(count > 0, "a batch needs at least one request")
        self.bytes = bytes
        self.count = count
        self.timeout = timeout
        self.generation = generation
        self.whenAbandoned = whenAbandoned
        self.accepts = accepts
    }
}

/// Numbers the connections made to one server, from 1; 0 before the first.
///
/// Two are the same when their numbers are: what was learned of the peer comes with the connection.
public struct ConnectionGeneration: Hashable, Comparable, Sendable {
    @usableFromInline package let number: UInt64

    /// Tells the peer's process from all others, where the opening requests have asked for that.
    @usableFromInline package let peer: UInt64?

    @usableFromInline package init(_ number: UInt64, peer: UInt64? = nil) {
        self.number = number
        self.peer = peer
    }

    @inlinable public static func == (a: ConnectionGeneration, b: ConnectionGeneration) -> Bool {
        a.number == b.number
    }

    @inlinable public static func < (a: ConnectionGeneration, b: ConnectionGeneration) -> Bool {
        a.number < b.number
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(number) }
}

/// How a batch ended: the replies that arrived, in order, and why the rest did not.
public struct BatchOutcome<Reply: Sendable>: Sendable {
    /// The replies to the first requests of the batch; all of them when `failure` is nil.
    public var replies: [Reply]

    /// Why the remaining requests have no reply.
    public var failure: TransportError?

    /// The connection that carried the batch; the one before, if it was never sent.
    public var generation: ConnectionGeneration

    @inlinable package init(replies: [Reply], failure: TransportError?, generation: ConnectionGeneration) {
        self.replies = replies
        self.failure = failure
        self.generation = generation
    }
}
