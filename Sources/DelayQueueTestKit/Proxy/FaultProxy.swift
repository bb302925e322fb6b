import NIOCore
import NIOPosix

/// A TCP proxy between a client and a server on this machine that can make the network misbehave.
///
/// Give the client the proxy's address instead of the server's. The server may come and go: each client's connection
/// gets one of its own to the server, and is reset where the server cannot be reached.
public final class FaultProxy: Sendable {
    private let core: ProxyCore
    private let listener: any Channel

    /// The port clients connect to.
    public let port: Int

    private init(core: ProxyCore, listener: any Channel, port: Int) {
        self.core = core
        self.listener = listener
        self.port = port
    }

    deinit {
        listener.close(promise: nil)
        let core = core
        core.eventLoop.execute {
            core.assumeIsolated { _ = $0.resetAll() }
        }
    }

    /// Starts a proxy to a port of 127.0.0.1; the server does not have to run yet.
    ///
    /// - Throws: the system's error, where no port can be listened on.
    public static func start(to port: Int) async throws -> FaultProxy {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let core = ProxyCore(
            eventLoop: eventLoop, server: try SocketAddress(ipAddress: "127.0.0.1", port: port))
        // One loop for the listener and all connections: it is the executor of the core.
        let listener = try await ServerBootstrap(group: eventLoop, childGroup: eventLoop)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                core.assumeIsolated { $0.accept(channel) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        guard let port = listener.localAddress?.port else {
            try await listener.close()
            throw ChannelError.unknownLocalAddress
        }
        return FaultProxy(core: core, listener: listener, port: port)
    }

    /// The address clients connect to, `127.0.0.1:PORT`.
    public var address: String { "127.0.0.1:\(port)" }

    // MARK: Faults

    /// Applies a fault to all existing and new connections, in place of the one before.
    ///
    /// What the earlier fault held back follows the rules of the new one, in order.
    public func set(_ fault: Fault) async {
        await core.set(fault)
    }

    /// Resets every connection, at both ends; returns once all are closed.
    ///
    /// Bytes held or not yet read by the receiver are lost. New connections are accepted as before.
    public func cutAll() async {
        await core.cutAll()
    }

    /// Stops listening and resets every connection; returns once all of this is done. Not interrupted by cancellation.
    public func stop() async {
        // An error means that it was closed before.
        try? await listener.close()
        await core.cutAll()
    }

    // MARK: Observing

    /// What the proxy has seen since it was started.
    public var activity: Activity {
        get async { await core.activity }
    }

    /// The clients' connections that are open now.
    public var connectionCount: Int {
        get async { await core.activity.openConnections }
    }

    /// Returns once the proxy's activity satisfies the condition; at once where it already does.
    ///
    /// - Throws: `CancellationError` where the task is cancelled first.
    public func wait(until condition: @escaping @Sendable (Activity) -> Bool) async throws {
        try await core.wait(until: condition)
    }

    /// Returns once this many connections were accepted in all, counted from the start of the proxy.
    ///
    /// - Throws: `CancellationError` where the task is cancelled first.
    public func waitForConnections(_ count: Int = 1) async throws {
        try await wait { $0.acceptedConnections >= count }
    }

    /// Returns once no connection is open.
    ///
    /// - Throws: `CancellationError` where the task is cancelled first.
    public func waitForNoConnections() async throws {
        try await wait { $0.openConnections == 0 }
    }

    /// Returns once this many bytes were seen in a direction, held or forwarded, counted from the start of the proxy.
    ///
    /// - Throws: `CancellationError` where the task is cancelled first.
    public func waitForBytes(_ count: Int, _ direction: Fault.Direction) async throws {
        try await wait { $0.bytesSeen(direction) >= count }
    }
}
