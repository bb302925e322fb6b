import NIOCore
import NIOTLS

/// Says when a channel's TLS handshake is over, so that nothing counts as sent to a server that was not verified.
final class TLSHandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let verified: EventLoopPromise<Void>
    private let limit: TimeAmount
    private var timer: Scheduled<Void>?

    /// - Parameter verified: fulfilled in every case: the channel is closed where the limit is reached.
    init(verified: EventLoopPromise<Void>, limit: TimeAmount) {
        self.verified = verified
        self.limit = limit
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        verified.fail(ChannelError.eof)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event {
            timer?.cancel()
            verified.succeed()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        verified.fail(error)
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        verified.fail(ChannelError.eof)
        context.fireChannelInactive()
    }
}
