#if TLS
    public import NIOSSL

    extension ConnectionConfiguration {
        /// How TLS is spoken and whose name the certificate must bear.
        public struct TLSMode: Sendable {
            public var context: NIOSSLContext

            /// The name the certificate must bear, announced to the server as well; nil, the default, takes the name of each
            /// server's own address, so that one configuration serves many servers.
            ///
            /// A server known by its IP address must bear that address. One behind a socket path needs a name here.
            public var serverName: String?

            public init(context: NIOSSLContext, serverName: String? = nil) {
                self.context = context
                self.serverName = serverName
            }

            /// TLS 1.2 or later, with the server's certificate and name verified.
            ///
            /// - Parameter authorities: a PEM file of the authorities to trust; nil trusts the system's.
            /// - Parameter clientCertificate: what to show servers that ask for it.
            /// - Throws: `TLSFileError`, naming the file that cannot be used.
            public static func verifying(
                authorities: String? = nil, clientCertificate: ClientCertificate? = nil
            ) throws -> TLSMode {
                var configuration = TLSConfiguration.makeClientConfiguration()
                configuration.certificateVerification = .fullVerification
                configuration.minimumTLSVersion = .tlsv12
                if let authorities {
                    configuration.trustRoots = .certificates(
                        try reading(authorities) { try NIOSSLCertificate.fromPEMFile($0) })
                }
                if let clientCertificate {
                    configuration.certificateChain = try reading(clientCertificate.certificateFile) {
                        try NIOSSLCertificate.fromPEMFile($0).map { .certificate($0) }
                    }
                    configuration.privateKey = .privateKey(
                        try reading(clientCertificate.keyFile) { try NIOSSLPrivateKey(file: $0, format: .pem) })
                }
                do {
                    return TLSMode(context: try NIOSSLContext(configuration: configuration))
                } catch {
                    throw TLSFileError(file: clientCertificate?.keyFile ?? authorities ?? "", underlying: error)
                }
            }

            private static func reading<Value>(_ file: String, _ read: (String) throws -> Value) throws -> Value {
                do {
                    return try read(file)
                } catch {
                    throw TLSFileError(file: file, underlying: error)
                }
            }
        }

        /// What a client proves its identity with.
        public struct ClientCertificate: Sendable, Hashable {
            /// PEM files: the certificate, followed by those that lead to its authority, and its private key.
            public var certificateFile: String
            public var keyFile: String

            public init(certificateFile: String, keyFile: String) {
                self.certificateFile = certificateFile
                self.keyFile = keyFile
            }
        }
    }

    /// A file of certificates or keys that cannot be used.
    public struct TLSFileError: Error, CustomStringConvertible {
        public var file: String
        public var underlying: any Error

        public var description: String {
            switch underlying {
            case NIOSSLError.failedToLoadCertificate:
                "\(file) cannot be used for TLS: it cannot be read, or has no certificate in PEM"
            case NIOSSLError.failedToLoadPrivateKey:
                "\(file) cannot be used for TLS: it cannot be read, or has no private key in PEM"
            default: "\(file) cannot be used for TLS: \(underlying)"
            }
        }
    }
#endif
