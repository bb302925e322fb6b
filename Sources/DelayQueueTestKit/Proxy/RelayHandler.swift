import NIOCore

/// Tells the proxy what happens on one of its channels.
final class RelayHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let core: ProxyCore
    private let id: Int
    /// The way of what this channel receives: to the server from a client's channel, and to the client from a server's.
    private let direction: Fault.Direction
    private var hasFailed = false

    init(core: ProxyCore, id: Int, direction: Fault.Direction) {
        self.core = core
        self.id = id
        self.direction = direction
    }

    func channelActive(context: ChannelHandlerContext) {
        guard direction == .toServer else { return }
        let (channel, id) = (context.channel, id)
        core.assumeIsolated { $0.clientConnected(channel, id: id) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let (bytes, id, direction) = (unwrapInboundIn(data), id, direction)
        core.assumeIsolated { $0.received(bytes, id: id, direction: direction) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else { return }
        let (id, direction) = (id, direction)
        core.assumeIsolated { $0.ended(id: id, direction: direction) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        let (id, direction, hasFailed) = (id, direction, hasFailed)
        core.assumeIsolated { $0.closed(id: id, direction: direction, isReset: hasFailed) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        hasFailed = true
        context.close(promise: nil)
    }
}
