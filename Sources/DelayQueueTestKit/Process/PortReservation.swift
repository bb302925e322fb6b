import Foundation
import NIOConcurrencyHelpers

/// A loopback port that no other server of this process is given while the reservation lives.
///
/// The port stays reserved while its server is down, so that a killed server can return to it.
package final class PortReservation: Sendable {
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
    static func any() throws(TestKitError) -> PortReservation {
        for _ in 0..<100 {
            let reservation = fixed(Int.random(in: 10_240..<32_768))
            if let reservation, isFree(reservation.port) { return reservation }
        }
        throw TestKitError(.portTaken, "no free port among 100 tried on 127.0.0.1")
    }

    /// Reserves this port.
    ///
    /// - Returns: nil where another server of this process has it.
    static func fixed(_ port: Int) -> PortReservation? {
        taken.withLockedValue { $0.insert(port).inserted } ? PortReservation(port) : nil
    }

    /// Whether a server could listen on the port now.
    ///
    /// Binds it and does not listen: a process that is being started has a copy of every socket for a moment, and one
    /// that listened would still take connections.
    package static func isFree(_ port: Int) -> Bool {
        #if canImport(Glibc)
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        // Servers set this too, so that one can follow another whose connections are not quite over.
        var reuse: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
