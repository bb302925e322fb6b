#if TLS
    import NIOCore
    import NIOSSL
    import NIOTLS

    /// Says when a channel's TLS handshake is over, so that nothing counts as sent to a server that was not verified.
    final class TLSHandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
        typealias InboundIn = ByteBuffer

        private let verified: EventLoopPromise<Void>
        private let address: ServerAddress
        private let expectedName: String?
        private let limit: TimeAmount
        private var timer: Scheduled<Void>?

        /// - Parameter expectedName: what the certificate must bear; nil where NIOSSL's own look at it is enough.
        /// - Parameter verified: fulfilled in every case: the channel is closed where the limit is reached.
        init(
            verified: EventLoopPromise<Void>, address: ServerAddress, expectedName: String?, limit: TimeAmount
        ) {
            self.address = address
            self.expectedName = expectedName
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
                do {
                    if let expectedName { try verify(expectedName, in: context.channel.pipeline.syncOperations) }
                    verified.succeed()
                } catch {
                    errorCaught(context: context, error: error)
                    return
                }
            }
            context.fireUserInboundEventTriggered(event)
        }

        private func verify(_ name: String, in pipeline: ChannelPipeline.SynchronousOperations) throws {
            guard let certificate = try pipeline.nioSSL_peerCertificate(),
                ServerNameCheck.isBorne(name, by: certificate)
            else { throw CertificateNameMismatch(expectedName: name) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            let certificate = try? context.channel.pipeline.syncOperations.nioSSL_peerCertificate()
            let error = TLSFailure.explaining(error, address, certificate)
            verified.fail(error)
            context.fireErrorCaught(error)
        }

        func channelInactive(context: ChannelHandlerContext) {
            verified.fail(ChannelError.eof)
            context.fireChannelInactive()
        }
    }
#endif
