public import NIOCore
import NIOPosix

/// What a channel reports to its connection, on the event loop.
@usableFromInline package enum ByteChannelEvent: Sendable {
    case bytes(ByteBuffer)
    /// The last event, with the error that ended the channel, if there was one.
    case ended((any Error)?)
}

/// Opens channels to one server.
struct ChannelFactory {
    let address: ServerAddress
    let configuration: ConnectionConfiguration
    let eventLoop: any EventLoop
    /// Those of the host, where it has a name.
    let addresses: [SocketAddress]

    /// Opens a channel; with TLS the future succeeds once the server has been verified.
    ///
    /// - Parameter receive: called on the event loop with everything that happens on the channel.
    func connect(_ receive: @escaping @Sendable (ByteChannelEvent) -> Void) -> EventLoopFuture<any Channel> {
        #if TLS
            if let tls = configuration.tls { return connect(speaking: tls, receive) }
        #endif
        return open(receive) { _ in }
    }

    /// - Parameter prepare: adds handlers between the socket and the connection.
    func open(
        _ receive: @escaping @Sendable (ByteChannelEvent) -> Void,
        prepare: @escaping @Sendable (ChannelPipeline.SynchronousOperations) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        var bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(configuration.connectTimeout))
            .channelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 4096, maximum: 262_144)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try prepare(pipeline)
                    try pipeline.addHandler(ChannelEventHandler(receive))
                }
            }
        switch address.kind {
        case .unixDomainSocket(let path):
            return bootstrap.connect(unixDomainSocketPath: path)
        case .hostname(let host, let port):
            bootstrap = bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.socketOption(.so_keepalive), value: 1)
            #if os(Linux)
                // From Linux tcp(7); NIO names neither. Keep-alive finds a vanished host while we only wait,
                // the user timeout while we have unacknowledged data.
                let seconds: ChannelOptions.Types.SocketOption.Value = .init(
                    min(max(configuration.peerTimeout.components.seconds, 1), 3600))
                bootstrap =
                    bootstrap
                    .channelOption(.tcpOption(.init(rawValue: 18)), value: seconds * 1000)
                    .channelOption(.tcpOption(.init(rawValue: 4)), value: max(1, seconds / 2))
                    .channelOption(.tcpOption(.init(rawValue: 5)), value: max(1, seconds / 4))
                    .channelOption(.tcpOption(.init(rawValue: 6)), value: 2)
            #endif
            if let address = try? SocketAddress(ipAddress: host, port: port) { return bootstrap.connect(to: address) }
            return bootstrap.resolver(KnownAddresses(addresses: addresses, eventLoop: eventLoop))
                .connect(host: host, port: port)
        }
    }
}

/// Hands what happens on a channel to a closure.
private final class ChannelEventHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let receive: @Sendable (ByteChannelEvent) -> Void
    private var error: (any Error)?

    init(_ receive: @escaping @Sendable (ByteChannelEvent) -> Void) {
        self.receive = receive
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        receive(.bytes(unwrapInboundIn(data)))
    }

    func channelInactive(context: ChannelHandlerContext) {
        receive(.ended(error))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.error = self.error ?? error
        context.close(promise: nil)
    }
}
