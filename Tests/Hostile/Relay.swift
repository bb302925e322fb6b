import NIOCore
import NIOPosix

/// Passes bytes from one channel to another.
final class Relay: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let other: any Channel

    private init(to other: any Channel) {
        self.other = other
    }

    /// Connects to a port, and passes on what comes from either side until one hangs up.
    static func join(_ channel: any Channel, to port: Int) -> EventLoopFuture<Void> {
        ClientBootstrap(group: channel.eventLoop)
            .channelInitializer { upstream in
                upstream.eventLoop.makeCompletedFuture {
                    try upstream.pipeline.syncOperations.addHandler(Relay(to: channel))
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .flatMapThrowing { try channel.pipeline.syncOperations.addHandler(Relay(to: $0)) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        other.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        other.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
