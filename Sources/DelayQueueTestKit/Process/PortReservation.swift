import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A loopback port that no other server of this process is given while the reservation lives.
///
/// The port stays reserved while its server is down, so that a killed server can return to it.
final class PortReservation: Sendable {
    private static let taken = NIOLockedValueBox<Set<Int>>([])

    let port: Int
    private let isReleased = NIOLockedValueBox(false)

    private init(_ port: Int) {
        self.port = port
    }

    deinit {
        release()
    }

    /// Ends the reservation before the object goes away. Later calls do nothing: the port may be another's by then.
    func release() {
        isReleased.withLockedValue { isReleased in
            guard !isReleased else { return }
            isReleased = true
            _ = Self.taken.withLockedValue { $0.remove(port) }
        }
    }

    /// Reserves a port nobody listens on now; another process may still take it before the server does.
    ///
    /// Port 0 would give one of those the kernel also gives to outgoing connections. While a server is down, a client
    /// that keeps trying to reach such a port can be given that very port as its own, and then connects to itself or
    /// keeps the server from returning. Ports below 32,768 are not given out by Linux and macOS as they come.
    static func any() async throws(TestKitError) -> PortReservation {
        for _ in 0..<100 {
            let reservation = fixed(Int.random(in: 10_240..<32_768))
            if let reservation, await canListen(on: reservation.port) { return reservation }
        }
        throw TestKitError(.portTaken, "no free port among 100 tried on 127.0.0.1")
    }

    /// Reserves this port.
    ///
    /// - Returns: nil where another server of this process has it.
    static func fixed(_ port: Int) -> PortReservation? {
        taken.withLockedValue { $0.insert(port).inserted } ? PortReservation(port) : nil
    }

    private static func canListen(on port: Int) async -> Bool {
        do {
            let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .bind(host: "127.0.0.1", port: port).get()
            try await listener.close()
            return true
        } catch {
            return false
        }
    }
}
