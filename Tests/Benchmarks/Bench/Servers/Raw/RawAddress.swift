import CommandSupport
import Foundation

/// Where a bare socket connects to.
struct RawAddress: Sendable {
    let host: String
    let port: Int

    /// - Returns: a connected descriptor that does not block.
    /// - Throws: `CommandError`.
    func connect() throws -> Int32 {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        #if os(Linux)
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
            hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, "\(port)", &hints, &list)
        guard code == 0, let first = list else {
            throw CommandError("\(host): \(String(cString: gai_strerror(code)))")
        }
        defer { freeaddrinfo(list) }
        let descriptor = socket(first.pointee.ai_family, first.pointee.ai_socktype, first.pointee.ai_protocol)
        guard descriptor >= 0 else { throw CommandError("no socket: \(String(cString: strerror(errno)))") }
        guard Foundation.connect(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw CommandError("\(host):\(port): \(reason)")
        }
        var isOn: Int32 = 1
        _ = setsockopt(
            descriptor, Int32(IPPROTO_TCP), Int32(TCP_NODELAY), &isOn, socklen_t(MemoryLayout.size(ofValue: isOn)))
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return descriptor
    }
}
