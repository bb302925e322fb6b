public import NIOCore

/// How a connection is made and kept.
public struct ConnectionConfiguration: Sendable {
    /// The longest a connection may take to open, TLS and opening requests included. 3 seconds by default.
    public var connectTimeout: Duration = .seconds(3)

    /// The longest the look-up of a host's name may take, before the connection is opened. 10 seconds by default, which
    /// leaves a second name server time to answer where the first one is silent. Hosts given by their IP addresses are
    /// not looked up.
    public var lookupTimeout: Duration = .seconds(10)

    /// Who knows the addresses of hosts.
    package var lookup: HostLookup = .system

    /// Where the servers are that are reached without a network; nil for all others.
    package var localServers: (any LocalServers)?

    /// How long to wait between failed attempts to connect.
    public var backoff: ExponentialBackoff = .init()

    /// The time after which data the peer's kernel does not acknowledge ends the connection,
    /// which finds hosts that vanished. 20 seconds by default; Linux only; elsewhere the system
    /// sends keep-alive probes at its own pace, often hours.
    public var peerTimeout: Duration = .seconds(20)

    #if TLS
        /// TLS, or nil for plain TCP. Nothing is sent before the server has been verified.
        public var tls: TLSMode?
    #else
        /// Always nil: nobody can have a mode.
        package var tls: TLSMode?
    #endif

    public init() {}
}

/// The requests that open every connection, before anybody else's.
@usableFromInline package struct ConnectionPreamble<Reply: Sendable>: Sendable {
    /// The encoded requests; may be empty.
    @usableFromInline package var bytes: ByteBuffer

    /// How many replies they call for.
    @usableFromInline package var count: Int

    /// Judges the replies; what it throws becomes the `underlying` of `preambleRejected`. Returns what tells the peer's
    /// process from all others, where the replies say so: the connection's generation bears it from then on.
    @usableFromInline package var verify: @Sendable ([Reply]) throws -> UInt64?

    /// Says what it means that the bytes of a reply cannot be read: that is `preambleRejected` then, with this for its
    /// `underlying`. Without it, it is a `protocolViolation`, as it is later on.
    @usableFromInline package var explain: (@Sendable (any Error) -> any Error)?

    @usableFromInline package init(
        bytes: ByteBuffer, count: Int, explain: (@Sendable (any Error) -> any Error)? = nil,
        verify: @escaping @Sendable ([Reply]) throws -> UInt64?
    ) {
        self.bytes = bytes
        self.count = count
        self.explain = explain
        self.verify = verify
    }

    /// Nothing to say before the first request.
    @usableFromInline package static var none: ConnectionPreamble {
        .init(bytes: ByteBuffer(), count: 0, verify: { _ in nil })
    }
}
