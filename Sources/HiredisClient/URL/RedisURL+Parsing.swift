import NIOCore
import PipelinedTransport

extension RedisURL {
    /// Reads `redis://[user]:[password]@host[:port][/database]`.
    ///
    /// * `rediss://` is the same with TLS; `valkey://` and `valkeys://` are other names for the two.
    /// * `unix:///path?db=1` (or `redis+unix://`) names a socket on this machine, also after `user:password@`.
    /// * The port is 6379 and the database 0 unless named; `?db=` may stand for the path.
    /// * An IPv6 address stands in brackets. User, password and socket path are percent-decoded.
    ///
    /// - Throws: `invalidURL`. The message names the part that is wrong and quotes nothing, since a misplaced
    ///   character can make any part of the text a part of the password.
    package init(parsing text: String) throws(RedisError) {
        guard let colon = text.firstRange(of: "://") else {
            throw Self.wrong("the scheme is missing: it should begin with redis://, rediss:// or unix://")
        }
        var rest = text[colon.upperBound...]
        guard !rest.contains("#") else {
            throw Self.wrong("it has a fragment (#); a # in a user or password is written %23")
        }
        var query: Substring?
        if let mark = rest.firstIndex(of: "?") {
            query = rest[rest.index(after: mark)...]
            rest = rest[..<mark]
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let (authority, path) = (rest[..<slash], rest[slash...])
        let (login, place) = Self.splitLogin(authority)

        let queryDatabase = try query.map { query throws(RedisError) in try Self.database(inQuery: query) }
        let (username, password) = try Self.credentials(login)
        switch text[..<colon.lowerBound].lowercased() {
        case "redis", "valkey":
            self.init(address: try Self.hostAndPort(place, path), username: username, password: password)
        case "rediss", "valkeys":
            self.init(address: try Self.hostAndPort(place, path), isTLS: true, username: username, password: password)
        case "unix", "redis+unix", "valkey+unix":
            guard place.isEmpty else {
                throw Self.wrong("the socket path must be absolute: unix:///path, with three slashes")
            }
            self.init(address: try Self.socket(path), username: username, password: password)
            database = queryDatabase ?? 0
            return
        default:
            throw Self.wrong("the scheme is unknown: it should be redis, rediss or unix")
        }
        let pathDatabase = try Self.database(inPath: path)
        guard pathDatabase == nil || queryDatabase == nil else {
            throw Self.wrong("the database is named twice, in the path and in the query")
        }
        database = pathDatabase ?? queryDatabase ?? 0
    }

    private static func wrong(_ problem: String) -> RedisError {
        RedisError(.invalidURL, "not a Redis URL: \(problem)")
    }

    /// An unescaped @ can only be part of the login, so the last one ends it.
    private static func splitLogin(_ authority: Substring) -> (login: Substring?, place: Substring) {
        guard let at = authority.lastIndex(of: "@") else { return (nil, authority) }
        return (authority[..<at], authority[authority.index(after: at)...])
    }

    private static func credentials(_ login: Substring?) throws(RedisError) -> (username: String?, password: String?) {
        guard let login else { return (nil, nil) }
        guard let colon = login.firstIndex(of: ":") else {
            throw wrong("a user without a password: write user:password@, or :password@ for the default user")
        }
        guard let username = percentDecoded(login[..<colon]) else {
            throw wrong("the user is not percent-encoded UTF-8")
        }
        guard let password = percentDecoded(login[login.index(after: colon)...]) else {
            throw wrong("the password is not percent-encoded UTF-8")
        }
        if username.isEmpty {
            // ":@" is no login at all, as there is no password to send.
            return (nil, password.isEmpty ? nil : password)
        }
        return (username, password)
    }

    private static func hostAndPort(_ place: Substring, _ path: Substring) throws(RedisError) -> ServerAddress {
        let hint = hint(path)
        let host: Substring
        let port: Substring
        if place.hasPrefix("[") {
            guard let end = place.firstIndex(of: "]") else {
                throw wrong("the host's bracket is not closed")
            }
            host = place[place.index(after: place.startIndex)..<end]
            port = place[place.index(after: end)...]
            guard host.contains(":"), isIPAddress(String(host)) else {
                throw wrong("the host in brackets is not an IPv6 address")
            }
        } else {
            let colon = place.firstIndex(of: ":") ?? place.endIndex
            host = place[..<colon]
            port = place[colon...]
            guard !host.isEmpty else { throw wrong("the host is missing\(hint)") }
            // Longer names cannot be looked up, and would be refused by TLS only later.
            guard host.utf8.count <= 253, host.utf8.allSatisfy({ isHostCharacter($0) }) else {
                throw wrong("the host has characters or a length that no host name has\(hint)")
            }
        }
        if port.isEmpty { return .hostname(String(host), port: 6379) }
        guard port.first == ":", let number = decimal(port.dropFirst()), (1...65535).contains(number) else {
            throw wrong("the port is not a number within 1...65535\(hint)")
        }
        return .hostname(String(host), port: number)
    }

    /// A slash in a password makes all before it look like the host, and leaves an @ behind.
    private static func hint(_ path: Substring) -> String {
        path.contains("@") ? "; in a user or password / is written %2F" : ""
    }

    private static func isHostCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func socket(_ path: Substring) throws(RedisError) -> ServerAddress {
        guard let path = percentDecoded(path), !path.utf8.contains(where: { $0 < 0x20 }) else {
            throw wrong("the socket path is not percent-encoded UTF-8 without control characters")
        }
        guard path.utf8.count > 1 else { throw wrong("the socket path is missing") }
        guard (try? SocketAddress(unixDomainSocketPath: path)) != nil else {
            throw wrong("the socket path is longer than the system allows")
        }
        return .unixDomainSocket(path: path)
    }

    private static func database(inPath path: Substring) throws(RedisError) -> Int? {
        let text = path.dropFirst()
        if text.isEmpty { return nil }
        guard let number = decimal(text) else {
            throw wrong("the database (after the slash) is not a number\(hint(path))")
        }
        return number
    }

    private static func database(inQuery query: Substring) throws(RedisError) -> Int {
        guard query.hasPrefix("db="), !query.contains("&") else {
            throw wrong("the query may only be ?db= and a number; a ? in a user or password is written %3F")
        }
        guard let number = decimal(query.dropFirst(3)) else {
            throw wrong("the database (after ?db=) is not a number")
        }
        return number
    }

    /// A plain number that fits the server's 32 bits.
    private static func decimal(_ text: Substring) -> Int? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int32(text) else { return nil }
        return Int(number)
    }

    /// - Returns: nil where a `%` is not followed by two hexadecimal digits, or what comes of them is no UTF-8.
    package static func percentDecoded(_ text: Substring) -> String? {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
