import Foundation
import NIOConcurrencyHelpers
package import NIOCore
import NIOPosix

/// Asks for the addresses of hosts that are known by name.
///
/// The system's call waits, for a minute perhaps where a name server is silent, and nothing can end it. So each name is
/// asked for on a thread of its own, which whoever asks for the same name meanwhile waits for too: no name waits for
/// another one, and there are no more threads than names.
package struct HostLookup: Sendable {
    private struct Name: Hashable {
        var host: String
        var port: Int
    }

    private let ask: @Sendable (_ host: String, _ port: Int) throws -> [SocketAddress]
    private let waiting = NIOLockedValueBox<[Name: [EventLoopPromise<[SocketAddress]>]]>([:])

    /// - Parameter ask: may wait for as long as it likes.
    package init(_ ask: @escaping @Sendable (_ host: String, _ port: Int) throws -> [SocketAddress]) {
        self.ask = ask
    }

    /// By the system's resolver: its files, DNS and what else it is set up for.
    package static let system = HostLookup(SystemResolver.addresses)

    /// Fails with `LookupFailure`.
    func addresses(of host: String, port: Int, on eventLoop: any EventLoop) -> EventLoopFuture<[SocketAddress]> {
        let promise = eventLoop.makePromise(of: [SocketAddress].self)
        let name = Name(host: host, port: port)
        let isFirst = waiting.withLockedValue { waiting in
            waiting[name, default: []].append(promise)
            return waiting[name]?.count == 1
        }
        if isFirst {
            Thread.detachNewThread { [self] in
                let result = Result { try ask(host, port) }
                    .mapError { LookupFailure(host: host, reason: "\($0)") as any Error }
                let promises = waiting.withLockedValue { $0.removeValue(forKey: name) } ?? []
                for promise in promises { promise.completeWith(result) }
            }
        }
        return promise.futureResult
    }
}

/// A host's name could not be turned into an address.
struct LookupFailure: Error, CustomStringConvertible {
    let host: String
    let reason: String

    var description: String { "the address of \(host) could not be looked up (DNS): \(reason)" }
}

private enum SystemResolver {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    static func addresses(of host: String, port: Int) throws -> [SocketAddress] {
        var hints = addrinfo()
        #if canImport(Glibc)
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
            hints.ai_socktype = SOCK_STREAM
        #endif
        var first: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, "\(port)", &hints, &first)
        guard code == 0 else { throw Failure(description: String(cString: gai_strerror(code))) }
        defer { freeaddrinfo(first) }
        var addresses: [SocketAddress] = []
        var next = first
        while let info = next?.pointee {
            next = info.ai_next
            guard let bytes = UnsafeRawPointer(info.ai_addr) else { continue }
            switch info.ai_family {
            case AF_INET: addresses.append(SocketAddress(bytes.loadUnaligned(as: sockaddr_in.self), host: host))
            case AF_INET6: addresses.append(SocketAddress(bytes.loadUnaligned(as: sockaddr_in6.self), host: host))
            default: continue
            }
        }
        guard !addresses.isEmpty else { throw Failure(description: "it has none") }
        return addresses
    }
}

/// Tells NIO, which tries addresses of both families side by side, what was found.
struct KnownAddresses: Resolver, Sendable {
    let addresses: [SocketAddress]
    let eventLoop: any EventLoop

    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        eventLoop.makeSucceededFuture(addresses.filter { if case .v4 = $0 { true } else { false } })
    }

    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        eventLoop.makeSucceededFuture(addresses.filter { if case .v6 = $0 { true } else { false } })
    }

    func cancelQueries() {}
}
