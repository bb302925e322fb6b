import NIOCore

/// Where a server listens: a host and TCP port, or a Unix domain socket.
public struct ServerAddress: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case hostname(String, port: Int)
        case unixDomainSocket(path: String)
    }

    package let kind: Kind

    private init(kind: Kind) {
        self.kind = kind
    }

    /// A TCP server, by host name or literal IP address.
    public static func hostname(_ host: String, port: Int) -> ServerAddress {
        ServerAddress(kind: .hostname(host, port: port))
    }

    /// A server on this machine, by the path of its socket.
    public static func unixDomainSocket(path: String) -> ServerAddress {
        ServerAddress(kind: .unixDomainSocket(path: path))
    }

    /// Reads `host:port`, `[IPv6]:port`, or an absolute socket path.
    ///
    /// - Parameter text: the text to read.
    /// - Parameter defaultPort: used where the text names no port; without it a port is required.
    /// - Returns: nil where the text is none of these, or the port is not within 1...65535.
    public init?(parsing text: some StringProtocol, defaultPort: Int? = nil) {
        if text.hasPrefix("/") {
            self = .unixDomainSocket(path: String(text))
            return
        }
        let host: Substring
        let rest: Substring
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = Substring(text[text.index(after: text.startIndex)..<end])
            rest = Substring(text[text.index(after: end)...])
            guard host.contains(":") else { return nil }
        } else if let colon = text.firstIndex(of: ":") {
            host = Substring(text[..<colon])
            rest = Substring(text[colon...])
        } else {
            host = Substring(text)
            rest = ""
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") }) else {
            return nil
        }
        if rest.isEmpty {
            guard let defaultPort else { return nil }
            self = .hostname(String(host), port: defaultPort)
            return
        }
        let digits = rest.dropFirst()
        guard rest.first == ":", digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = Int(digits), (1...65535).contains(port)
        else { return nil }
        self = .hostname(String(host), port: port)
    }
}

extension ServerAddress {
    /// The host's name; nil for an IP address, which a certificate bears as such, and for a socket path.
    package var hostName: String? { namedHost?.host }

    /// The host and port; nil where the host is given by its IP address, which needs no look-up, and for a socket path.
    var namedHost: (host: String, port: Int)? {
        guard case .hostname(let host, let port) = kind, (try? SocketAddress(ipAddress: host, port: 0)) == nil else {
            return nil
        }
        return (host, port)
    }
}

extension ServerAddress: CustomStringConvertible {
    /// `host:port`, with brackets around an IPv6 address, or the socket's path.
    public var description: String {
        switch kind {
        case .hostname(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unixDomainSocket(let path): path
        }
    }
}
