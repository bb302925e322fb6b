#if TLS
    import NIOCore
    import NIOSSL

    extension ChannelFactory {
        /// Opens a channel; the future succeeds once the server has been verified.
        func connect(
            speaking tls: ConnectionConfiguration.TLSMode, _ receive: @escaping @Sendable (ByteChannelEvent) -> Void
        ) -> EventLoopFuture<any Channel> {
            let verified = eventLoop.makePromise(of: Void.self)
            let serverName = tls.serverName ?? address.hostName
            let expectedName = tls.context.configuration.certificateVerification == .fullVerification ? serverName : nil
            let handshakeLimit = TimeAmount(configuration.connectTimeout)
            let channel = open(receive) { pipeline in
                try pipeline.addHandler(NIOSSLClientHandler(context: tls.context, serverHostname: serverName))
                try pipeline.addHandler(
                    TLSHandshakeHandler(
                        verified: verified, address: address, expectedName: expectedName, limit: handshakeLimit))
            }
            channel.whenFailure { verified.fail($0) }
            return channel.flatMap { channel in verified.futureResult.map { channel } }
        }
    }
#endif
