import NIOCore
import Testing

@testable import HiredisClient

@Suite struct RedisPreambleTests {
    private static let information: [RedisValue] = [
        .bulk(ByteBuffer(string: "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n")),
        .bulk(ByteBuffer(string: "# Cluster\r\ncluster_enabled:0\r\n")),
        .bulk(ByteBuffer(string: "# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n")),
    ]
    // From `printf 'return 1' | sha1sum`.
    private static let digest = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
    private static let script = "return 1"

    private func verify(_ url: String, _ replies: [RedisValue], scripts: [String] = []) throws {
        try RedisPreamble(url: RedisURL(parsing: url), scripts: scripts).verify(replies)
    }

    private func refusal(_ url: String, _ replies: [RedisValue], scripts: [String] = []) throws -> RedisError {
        try #require(throws: RedisError.self) { try verify(url, replies, scripts: scripts) }
    }

    private func information(_ server: String, cluster: String = "") -> [RedisValue] {
        [.bulk(ByteBuffer(string: server)), .bulk(ByteBuffer(string: cluster)), .bulk(ByteBuffer())]
    }

    @Test func saysWhatTheURLNeeds() throws {
        let plain = try RedisPreamble(url: RedisURL(parsing: "redis://h"), scripts: [])
        #expect(plain.count == 3)
        let full = try RedisPreamble(url: RedisURL(parsing: "redis://u:p@h/3"), scripts: [Self.script])
        #expect(full.count == 6)
        let text = String(buffer: full.bytes)
        #expect(text.hasPrefix("*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$1\r\np\r\n"))
        #expect(text.contains("$6\r\nSELECT\r\n$1\r\n3\r\n"))
        #expect(text.hasSuffix("$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n$8\r\nreturn 1\r\n"))
        let legacy = try RedisPreamble(url: RedisURL(parsing: "redis://:p@h"), scripts: [])
        #expect(String(buffer: legacy.bytes).hasPrefix("*2\r\n$4\r\nAUTH\r\n$1\r\np\r\n"))
    }

    @Test func acceptsAServer() throws {
        try verify("redis://h", Self.information)
        try verify(
            "redis://u:p@h/3",
            [.status("OK")] + Self.information + [.status("OK"), .bulk(ByteBuffer(string: Self.digest))],
            scripts: [Self.script])
        // A user who may not ask what the server is, and a server that does not say.
        try verify("redis://h", [.error("NOPERM no"), .error("ERR unknown command 'INFO'"), .null])
        try verify("redis://h", information("server_name:other\r\n"))
        try verify("redis://h", information("redis_version:5.0.0\r\n"))
        try verify("redis://h", information("redis_version:255.255.255\r\n"))
    }

    @Test func learnsDigests() throws {
        let preamble = try RedisPreamble(url: RedisURL(parsing: "redis://h/3"), scripts: ["return 1", "return 2"])
        let digests = ["a", "b"].map { String(repeating: $0, count: 40) }
        let loaded = digests.map { RedisValue.bulk(ByteBuffer(string: $0)) }
        #expect(preamble.digests(in: Self.information + [.status("OK")] + loaded) == digests)
    }

    @Test func knowsWhetherTheServerEvicts() throws {
        func policy(_ url: String, _ replies: [RedisValue]) throws -> String? {
            try RedisPreamble(url: RedisURL(parsing: url), scripts: []).evictionPolicy(in: replies)
        }
        #expect(try policy("redis://h", Self.information) == "noeviction")
        let evicting = RedisValue.bulk(ByteBuffer(string: "maxmemory_policy:volatile-ttl\r\n"))
        let login = RedisValue.status("OK")
        #expect(try policy("redis://u:p@h", [login] + Self.information.dropLast() + [evicting]) == "volatile-ttl")
        #expect(try policy("redis://h", Self.information.dropLast() + [.error("NOPERM no")]) == nil)
        #expect(try policy("redis://h", []) == nil)
    }

    @Test func refusesServersThatCannotWork() throws {
        #expect(try refusal("redis://h", information("redis_version:4.0.14\r\n")).code == .versionUnsupported)
        #expect(try refusal("redis://h", information("redis_mode:cluster\r\n")).code == .clusterUnsupported)
        #expect(try refusal("redis://h", information("server_mode:cluster\r\n")).code == .clusterUnsupported)
        #expect(
            try refusal("redis://h", information("", cluster: "cluster_enabled:1\r\n")).code == .clusterUnsupported)
        #expect(try refusal("redis://h", information("redis_mode:sentinel\r\n")).code == .sentinelUnsupported)
        #expect(try refusal("redis://h", Array(repeating: .error("NOAUTH x"), count: 3)).code == .wrongPassword)
        #expect(
            try refusal("redis://h/99", Self.information + [.error("ERR DB index is out of range")]).code
                == .wrongDatabase)
        let denied = Self.information + [.error("NOPERM this user has no permissions to run the 'script|load' command")]
        #expect(try refusal("redis://h", denied, scripts: [Self.script]).code == .permissionDenied)
        for text in ["", "0", String(Self.digest.dropLast()) + "g", Self.digest.uppercased(), Self.digest + "0"] {
            let other = Self.information + [.bulk(ByteBuffer(string: text))]
            #expect(try refusal("redis://h", other, scripts: [Self.script]).code == .malformedReply, "\(text)")
        }
        let status = Self.information + [.status(Self.digest)]
        #expect(try refusal("redis://h", status, scripts: [Self.script]).code == .malformedReply)
        #expect(try refusal("redis://h", []).code == .malformedReply)
    }

    @Test func waitsForAServerThatStarts() throws {
        for text in ["LOADING Redis is loading", "MASTERDOWN Link with MASTER is down", "BUSY script"] {
            let loading = Self.information + [.error(text)]
            let error = try refusal("redis://h", loading, scripts: [Self.script])
            #expect(error.isRetriable && !error.isConfiguration)
            #expect(try refusal("redis://:p@h", [.error(text)] + Self.information).isRetriable)
            #expect(try refusal("redis://h", [.error(text), .error(text), .error(text)]).isRetriable)
        }
    }

    @Test func doesNotRepeatAPasswordTheServerQuotes() throws {
        let reply = RedisValue.error("ERR unknown command 'AUTH', with args beginning with: 'hunter2' ")
        let error = try refusal("redis://:hunter2@h", [reply] + Self.information)
        #expect(error.code == .wrongPassword && error.serverPrefix == "ERR")
        #expect(!String(reflecting: error).contains("hunter2"))
        for text in ["ERR max number of clients hunter2", "LOADING hunter2", "DENIED hunter2", "BUSY hunter2"] {
            let error = try refusal("redis://:hunter2@h", [.error(text)] + Self.information)
            #expect(!String(reflecting: error).contains("hunter2"), "\(error)")
        }
    }

    @Test(arguments: [
        ("ERR AUTH <password> called without any password configured for the default user", "has no password"),
        ("ERR Client sent AUTH, but no password is set", "has no password"),
        ("ERR wrong number of arguments for 'auth' command", "knows no user names"),
        ("WRONGPASS invalid username-password pair", "refused the user name or password"),
    ])
    func saysWhatIsWrongWithALogin(_ text: String, _ words: String) throws {
        let error = try refusal("redis://u:p@h", [.error(text)] + Self.information)
        #expect(error.code == .wrongPassword && error.message.contains(words), "\(error)")
    }

    @Test func foreignTextIsEscapedAndShort() throws {
        let escape = "\u{1B}[2J"
        let error = try refusal(
            "redis://h/1", Self.information + [.error("ERR " + escape + String(repeating: "x", count: 5000))])
        #expect(error.message.hasPrefix("ERR \\x1b[2J") && error.message.utf8.count < 500)
        #expect(try refusal("redis://h/1", Self.information + [.error(escape)]).serverPrefix == "\\x1b[2J")
        #expect(try !refusal("redis://h", information("redis_version:4.\(escape)\r\n")).message.contains(escape))
        let preamble = try RedisPreamble(url: RedisURL(parsing: "redis://h"), scripts: [])
        let policy = RedisValue.bulk(ByteBuffer(string: "maxmemory_policy:\(escape)\r\n"))
        #expect(preamble.evictionPolicy(in: Self.information.dropLast() + [policy]) == "\\x1b[2J")
    }
}
