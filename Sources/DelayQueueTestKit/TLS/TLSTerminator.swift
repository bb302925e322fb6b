#if TLS
    import NIOConcurrencyHelpers
    import NIOCore
    import NIOPosix
    import NIOSSL

    /// Takes TLS connections and passes what they carry to a server on this machine in plain text, as stunnel or
    /// HAProxy do.
    ///
    /// Nothing limits what it keeps in memory for an end that does not read.
    public final class TLSTerminator: Sendable {
        private let listener: any Channel
        private let connections: NIOLockedValueBox<[ObjectIdentifier: any Channel]>

        /// The port clients connect to.
        public let port: Int

        private init(
            listener: any Channel, connections: NIOLockedValueBox<[ObjectIdentifier: any Channel]>, port: Int
        ) {
            self.listener = listener
            self.connections = connections
            self.port = port
        }

        /// Listens on a free port of 127.0.0.1.
        ///
        /// - Parameter port: where the server is, on 127.0.0.1; it does not have to run yet.
        /// - Parameter identity: what is shown to clients.
        /// - Parameter clientAuthority: a PEM file; clients must then show a certificate that this authority signed.
        /// - Throws: what NIO or NIOSSL report.
        public static func start(
            to port: Int, identity: TestAuthority.Identity, clientAuthority: String? = nil
        ) async throws -> TLSTerminator {
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(identity.certificateFile).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: identity.keyFile, format: .pem)))
            if let clientAuthority {
                configuration.certificateVerification = .noHostnameVerification
                configuration.trustRoots = .file(clientAuthority)
            }
            let context = try NIOSSLContext(configuration: configuration)
            let connections = NIOLockedValueBox<[ObjectIdentifier: any Channel]>([:])
            let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .childChannelInitializer { client in
                    let id = ObjectIdentifier(client)
                    connections.withLockedValue { $0[id] = client }
                    client.closeFuture.whenComplete { _ in connections.withLockedValue { $0[id] = nil } }
                    return ClientBootstrap(group: client.eventLoop)
                        .channelInitializer { server in
                            server.eventLoop.makeCompletedFuture {
                                try server.pipeline.syncOperations.addHandler(RelayToPartner(client))
                            }
                        }
                        .connect(host: "127.0.0.1", port: port)
                        .flatMapThrowing { server in
                            let pipeline = client.pipeline.syncOperations
                            try pipeline.addHandler(NIOSSLServerHandler(context: context))
                            try pipeline.addHandler(RelayToPartner(server))
                        }
                }
                .bind(host: "127.0.0.1", port: 0).get()
            guard let port = listener.localAddress?.port else {
                try await listener.close()
                throw ChannelError.unknownLocalAddress
            }
            return TLSTerminator(listener: listener, connections: connections, port: port)
        }

        /// The address clients connect to, `127.0.0.1:PORT`.
        public var address: String { "127.0.0.1:\(port)" }

        /// Stops listening and closes every connection. Not interrupted by cancellation.
        public func stop() async {
            // An error means that it was closed before.
            try? await listener.close()
            for connection in connections.withLockedValue({ Array($0.values) }) { try? await connection.close() }
        }
    }

    /// Writes to one channel what another receives.
    private final class RelayToPartner: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let partner: any Channel

        init(_ partner: any Channel) {
            self.partner = partner
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            partner.writeAndFlush(unwrapInboundIn(data), promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            partner.close(promise: nil)
            context.fireChannelInactive()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
#endif
