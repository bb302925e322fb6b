import NIOCore
package import PipelinedTransport

/// The address of a Redis server with what it takes to log in.
///
/// The password shows in no description, error or reflection of this type.
package struct RedisURL: Sendable, Hashable {
    package var address: ServerAddress

    /// Whether the connection is encrypted and the server's certificate verified.
    package var isTLS: Bool

    /// The user of the server's access control list; nil means the default user.
    package var username: String?

    /// Nil where the server asks for none.
    package var password: String?

    /// The number of the database, from 0.
    package var database: Int

    /// Makes an address from its parts; no part is percent-encoded.
    package init(
        address: ServerAddress, isTLS: Bool = false, username: String? = nil, password: String? = nil,
        database: Int = 0
    ) {
        self.address = address
        self.isTLS = isTLS
        self.username = username
        self.password = password
        self.database = database
    }

    /// The host that TLS announces and that the certificate must name; nil for an IP address (which is verified
    /// against the certificate's addresses instead) and for a socket path.
    package var serverName: String? { address.hostName }

    static func isIPAddress(_ host: String) -> Bool {
        (try? SocketAddress(ipAddress: host, port: 0)) != nil
    }
}

extension RedisURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The URL, with `***` for the password.
    package var description: String {
        var login = ""
        if username != nil || password != nil {
            login = Self.percentEncoded(username ?? "") + (password == nil ? "@" : ":***@")
        }
        switch address.kind {
        case .unixDomainSocket(let path):
            return "unix://\(login)\(Self.percentEncoded(path))" + (database == 0 ? "" : "?db=\(database)")
        case .hostname:
            return "\(isTLS ? "rediss" : "redis")://\(login)\(address)" + (database == 0 ? "" : "/\(database)")
        }
    }

    package var debugDescription: String { description }

    package var customMirror: Mirror { Mirror(self, children: ["url": description]) }

    private static func percentEncoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        var encoded = ""
        for byte in text.utf8 {
            let character = Character(UnicodeScalar(byte))
            if byte < 0x80, character.isLetter || character.isNumber || "-._~/".contains(character) {
                encoded.append(character)
            } else {
                encoded += ["%", digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return encoded
    }
}
