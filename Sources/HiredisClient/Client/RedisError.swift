package import PipelinedTransport

/// Why a command has no result.
package struct RedisError: Error, Sendable {
    /// A stable name for the kind of failure; fit for a metrics label.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String, Sendable {
            case server, transport, malformedReply, invalidURL, invalidCommand, tlsUnavailable
            case wrongPassword, permissionDenied, wrongDatabase
            case clusterUnsupported, sentinelUnsupported, versionUnsupported
        }

        private let value: Value

        /// The server refused the command; `serverPrefix` says how.
        package static let server = Code(value: .server)
        /// There is no reply; `transport` says why.
        package static let transport = Code(value: .transport)
        /// The server sent what is no reply, or one beyond the limits. The connection was closed.
        package static let malformedReply = Code(value: .malformedReply)
        /// The text is not the address of a Redis server.
        package static let invalidURL = Code(value: .invalidURL)
        /// The command cannot be written; nothing was sent.
        package static let invalidCommand = Code(value: .invalidCommand)
        /// TLS could not be set up on this side, before any connection.
        package static let tlsUnavailable = Code(value: .tlsUnavailable)
        /// The server wants another user name or password, or one at all.
        package static let wrongPassword = Code(value: .wrongPassword)
        /// The user may not run the command, or nobody may connect from here.
        package static let permissionDenied = Code(value: .permissionDenied)
        /// The server has no database of that number.
        package static let wrongDatabase = Code(value: .wrongDatabase)
        /// The server is part of a Redis Cluster.
        package static let clusterUnsupported = Code(value: .clusterUnsupported)
        /// The server is a Sentinel, which holds no data.
        package static let sentinelUnsupported = Code(value: .sentinelUnsupported)
        /// The server is older than Redis 5.
        package static let versionUnsupported = Code(value: .versionUnsupported)

        package var description: String { value.rawValue }
    }

    package var code: Code

    /// For people; never has a password in it.
    package var message: String

    /// The first word of the server's error, such as `NOSCRIPT`, `READONLY` or `OOM`; nil where no server said it.
    package var serverPrefix: String?

    /// What happened to the connection, where that is the cause.
    package var transport: TransportError?

    /// False only where the command certainly never reached the server.
    package var mayHaveBeenSent: Bool

    init(
        _ code: Code, _ message: String, serverPrefix: String? = nil, transport: TransportError? = nil,
        mayHaveBeenSent: Bool = false
    ) {
        self.code = code
        self.message = message
        self.serverPrefix = serverPrefix
        self.transport = transport
        self.mayHaveBeenSent = mayHaveBeenSent
    }

    init(_ transport: TransportError) {
        if let cause = transport.underlying as? RedisError {
            self = cause
        } else {
            self.init(.transport, "\(transport)")
        }
        self.transport = transport
        mayHaveBeenSent = transport.mayHaveBeenSent
    }

    /// Whether the command may have run although nobody knows: it may have been sent, and was not answered.
    package var isOutcomeUnknown: Bool { mayHaveBeenSent && serverPrefix == nil }

    /// Whether the same command may succeed later without anybody changing a setting.
    package var isRetriable: Bool {
        if code == .server { return Self.isTransient(prefix: serverPrefix, message: message) }
        // Whatever spoke no RESP need not be there the next time: a proxy in trouble, a server that was not the one meant.
        guard code == .transport || (code == .malformedReply && transport != nil) else { return false }
        return transport?.code != .closed && transport?.code != .cancelled
    }

    /// Whether nothing will work until a setting is changed, here or on the server.
    package var isConfiguration: Bool {
        [
            .invalidURL, .tlsUnavailable, .wrongPassword, .permissionDenied, .wrongDatabase, .clusterUnsupported,
            .sentinelUnsupported, .versionUnsupported,
        ].contains(code)
    }

    /// The time until a connection is attempted again, where one failed.
    package var retryAfter: Duration? { transport?.retryAfter }
}

extension RedisError: CustomStringConvertible {
    // What happened on the connection begins with a code of its own.
    package var description: String { code == .transport ? message : "\(code): \(message)" }
}
