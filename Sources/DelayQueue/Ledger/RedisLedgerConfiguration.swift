public import NIOCore
public import PipelinedTransport

/// How a `RedisLedger` talks to its server.
public struct RedisLedgerConfiguration: Sendable {
    /// The longest a batch of requests may take, connecting included. 5 seconds by default.
    public var timeout: Duration = .seconds(5)

    /// How the connection is made and kept. With a `rediss` URL and no TLS in it, the certificate must name the
    /// URL's host and be signed by one of the system's authorities.
    public var connection: ConnectionConfiguration = .init()

    /// Where the connection runs; nil takes one of SwiftNIO's own event loops. Requests reach a loop soonest from
    /// itself, so share the loop of the producer or consumer where there is a choice.
    public var eventLoop: (any EventLoop)?

    public init() {}
}
