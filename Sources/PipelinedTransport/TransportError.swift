/// Why a request has no reply.
public struct TransportError: Error, Sendable {
    /// A stable name for the kind of failure; fit for a metrics label.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String, Sendable {
            case connectFailed, backingOff, preambleRejected, connectionLost, protocolViolation
            case timedOut, cancelled, closed, staleGeneration, tooLarge
        }

        private let value: Value

        /// The server could not be reached, or did not greet in time.
        public static let connectFailed = Code(value: .connectFailed)
        /// An earlier attempt failed a moment ago; none was made now.
        public static let backingOff = Code(value: .backingOff)
        /// The server answered the opening requests with a refusal, such as a wrong password, or is none of the kind.
        public static let preambleRejected = Code(value: .preambleRejected)
        /// The connection ended before the reply.
        public static let connectionLost = Code(value: .connectionLost)
        /// The server sent what the protocol does not allow; the connection was closed.
        public static let protocolViolation = Code(value: .protocolViolation)
        /// The reply did not arrive in time; the connection goes on.
        public static let timedOut = Code(value: .timedOut)
        /// The waiting task was cancelled; the connection goes on.
        public static let cancelled = Code(value: .cancelled)
        /// The connection was closed by its owner.
        public static let closed = Code(value: .closed)
        /// The connection the request was bound to is gone; it was not sent.
        public static let staleGeneration = Code(value: .staleGeneration)
        /// The requests are more than are sent together, 2 GiB; none was sent.
        public static let tooLarge = Code(value: .tooLarge)

        public var description: String { value.rawValue }
    }

    public var code: Code

    /// The server concerned.
    public var address: ServerAddress

    /// False only where the request certainly never reached the server.
    public var mayHaveBeenSent: Bool

    /// The time until a connection is attempted again, where `code` is `connectFailed` or `backingOff`.
    public var retryAfter: Duration?

    /// What the system, TLS or the protocol reported.
    public var underlying: (any Error)?

    package init(
        _ code: Code,
        address: ServerAddress,
        mayHaveBeenSent: Bool,
        retryAfter: Duration? = nil,
        underlying: (any Error)? = nil
    ) {
        self.code = code
        self.address = address
        self.mayHaveBeenSent = mayHaveBeenSent
        self.retryAfter = retryAfter
        self.underlying = underlying
    }
}

extension TransportError: CustomStringConvertible {
    public var description: String {
        var text = "\(code) (\(address))"
        if let underlying { text += ": \(underlying)" }
        return text
    }
}
