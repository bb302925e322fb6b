import NIOCore

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// One client's connection to a proxy, and the proxy's connection to the server for it.
struct ProxyConnection {
    struct Relay {
        var queue = RelayQueue()
        /// Runs while nothing may be sent on before a certain time.
        var timer: Scheduled<Void>?
    }

    let client: any Channel
    /// Nil until it is connected.
    var server: (any Channel)?
    var isClientClosed = false
    var isServerClosed = false
    /// Nothing is relayed any more: both ends are reset, or about to be.
    var isCut = false

    private var toServer = Relay()
    private var toClient = Relay()

    init(client: any Channel) {
        self.client = client
    }

    var channels: [any Channel] {
        [client] + (server.map { [$0] } ?? [])
    }

    func sender(_ direction: Fault.Direction) -> (any Channel)? {
        direction == .toServer ? client : server
    }

    func receiver(_ direction: Fault.Direction) -> (any Channel)? {
        direction == .toServer ? server : client
    }

    subscript(direction: Fault.Direction) -> Relay {
        get { direction == .toServer ? toServer : toClient }
        set {
            switch direction {
            case .toServer: toServer = newValue
            case .toClient: toClient = newValue
            }
        }
    }
}

extension Channel {
    /// Closes so that the other end sees a reset connection, and not the end of a stream.
    func reset() {
        // From socket(7): with a linger time of zero, close sends a reset and drops what was not sent.
        (self as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
            .whenFailure { _ in }
        close(promise: nil)
    }
}
