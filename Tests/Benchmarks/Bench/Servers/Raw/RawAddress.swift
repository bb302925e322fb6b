import CommandSupport
import Foundation

/// Where a bare socket connects to.
struct RawAddress: Sendable {
    let host: String
    let port: Int
    /// Redis's, of the default user; nil where it wants none.
    var password: String?

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
        do {
            if let password { try logIn(descriptor, with: password) }
        } catch {
            close(descriptor)
            throw error
        }
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return descriptor
    }

    private func logIn(_ descriptor: Int32, with password: String) throws {
        let request = Array("*2\r\n$4\r\nAUTH\r\n$\(password.utf8.count)\r\n\(password)\r\n".utf8)
        var answer: [UInt8] = []
        if write(descriptor, request, request.count) == request.count {
            var byte: UInt8 = 0
            while answer.last != UInt8(ascii: "\n"), read(descriptor, &byte, 1) == 1 { answer.append(byte) }
        }
        guard answer == Array("+OK\r\n".utf8) else {
            throw CommandError("\(host):\(port): the ledger's server does not take the password of its URL")
        }
    }
}
