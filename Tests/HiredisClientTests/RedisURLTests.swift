import HiredisClient
import PipelinedTransport
import Testing

@Suite struct RedisURLTests {
    @Test(arguments: [
        ("redis://localhost", RedisURL(address: .hostname("localhost", port: 6379))),
        ("REDIS://localhost:6380/", RedisURL(address: .hostname("localhost", port: 6380))),
        ("redis://10.0.0.1:7000/3", RedisURL(address: .hostname("10.0.0.1", port: 7000), database: 3)),
        ("redis://host?db=2", RedisURL(address: .hostname("host", port: 6379), database: 2)),
        ("valkey://host", RedisURL(address: .hostname("host", port: 6379))),
        ("rediss://my-host.example", RedisURL(address: .hostname("my-host.example", port: 6379), isTLS: true)),
        ("valkeys://host:1", RedisURL(address: .hostname("host", port: 1), isTLS: true)),
        ("redis://[::1]", RedisURL(address: .hostname("::1", port: 6379))),
        ("redis://[2001:db8::7]:65535/15", RedisURL(address: .hostname("2001:db8::7", port: 65535), database: 15)),
        ("redis://:pw@host", RedisURL(address: .hostname("host", port: 6379), password: "pw")),
        ("redis://:@host", RedisURL(address: .hostname("host", port: 6379))),
        ("redis://user:@host", RedisURL(address: .hostname("host", port: 6379), username: "user", password: "")),
        (
            "redis://user:pw@host:1/2",
            RedisURL(address: .hostname("host", port: 1), username: "user", password: "pw", database: 2)
        ),
        (
            "redis://us%40er:p%3A%2f%25%C3%A9@host",
            RedisURL(address: .hostname("host", port: 6379), username: "us@er", password: "p:/%é")
        ),
        ("redis://:p@ss:w@host", RedisURL(address: .hostname("host", port: 6379), password: "p@ss:w")),
        ("unix:///run/redis.sock", RedisURL(address: .unixDomainSocket(path: "/run/redis.sock"))),
        (
            "redis+unix:///run/a%20b.sock?db=4",
            RedisURL(address: .unixDomainSocket(path: "/run/a b.sock"), database: 4)
        ),
        (
            "unix://user:pw@/s?db=1",
            RedisURL(address: .unixDomainSocket(path: "/s"), username: "user", password: "pw", database: 1)
        ),
    ])
    func reads(_ text: String, _ expected: RedisURL) throws {
        #expect(try RedisURL(parsing: text) == expected)
    }

    /// Every text has `hunter2` in it, and every error must name the part that is wrong without saying it.
    @Test(arguments: [
        ("hunter2", "scheme"),
        ("localhost:6379?hunter2", "scheme"),
        ("http://:hunter2@host", "scheme"),
        ("://:hunter2@host", "scheme"),
        ("redis://:hunter2@", "host"),
        ("redis://:hunter2@:6379", "host"),
        ("redis://:hunter2@ho st", "host"),
        ("redis://:hunter2@höst", "host"),
        ("redis://:hunter2@::1", "host"),
        ("redis://:hunter2@[::1", "host"),
        ("redis://:hunter2@[host]:1", "host"),
        ("redis://:hunter2@[1.2.3.4]", "host"),
        ("redis://:hunter2@\(String(repeating: "a", count: 254))", "host"),
        ("redis://:hunter2@host:", "port"),
        ("redis://:hunter2@host:0", "port"),
        ("redis://:hunter2@host:65536", "port"),
        ("redis://:hunter2@host:+1", "port"),
        ("redis://:hunter2@host:99999999999999999999", "port"),
        ("redis://:hunter2@[::1]6379", "port"),
        ("redis://user:12/hunter2@host", "%2F"),
        ("redis://user:hunter2/12@host", "%2F"),
        ("redis://user:hunter2/@host", "port"),
        ("redis://:hunter2?x@host", "query"),
        ("redis://:hunter2#x@host", "fragment"),
        ("redis://hunter2@host", "password"),
        ("redis://:hunter2%@host", "password"),
        ("redis://:hunter2%4@host", "password"),
        ("redis://:hunter2%zz@host", "password"),
        ("redis://:hunter2%ff@host", "password"),
        ("redis://us%er:hunter2@host", "user"),
        ("redis://:hunter2@host/x", "database"),
        ("redis://:hunter2@host/-1", "database"),
        ("redis://:hunter2@host/1/2", "database"),
        ("redis://:hunter2@host/99999999999", "database"),
        ("redis://:hunter2@host/1?db=2", "database"),
        ("redis://:hunter2@host?db=", "database"),
        ("redis://:hunter2@host?timeout=1", "query"),
        ("redis://:hunter2@host?db=1&db=2", "query"),
        ("unix://:hunter2@host/path", "path"),
        ("unix://:hunter2@", "path"),
        ("unix://:hunter2@/", "path"),
        ("unix://:hunter2@/a%00b", "path"),
        ("unix://:hunter2@/\(String(repeating: "a", count: 200))", "path"),
    ])
    func refuses(_ text: String, naming part: String) throws {
        let error = try #require(throws: RedisError.self) { try RedisURL(parsing: text) }
        #expect(error.code == .invalidURL)
        #expect(error.isConfiguration && !error.isRetriable && !error.mayHaveBeenSent)
        #expect(error.message.contains(part), "\(error)")
        #expect(!"\(error)".contains("hunter2"))
    }

    @Test func hidesThePassword() throws {
        let url = try RedisURL(parsing: "rediss://us%20er:hunter2@[::1]:1/2")
        #expect("\(url)" == "rediss://us%20er:***@[::1]:1/2")
        var dumped = String(reflecting: url)
        dump(url, to: &dumped)
        dump(Optional(url), to: &dumped)
        #expect(!dumped.contains("hunter2"))
        #expect("\(try RedisURL(parsing: "unix://:hunter2@/a%20b?db=3"))" == "unix://:***@/a%20b?db=3")
        #expect("\(try RedisURL(parsing: "redis://host"))" == "redis://host:6379")
    }

    @Test func announcesNamesButNotAddresses() throws {
        #expect(try RedisURL(parsing: "rediss://redis.example").serverName == "redis.example")
        #expect(try RedisURL(parsing: "rediss://127.0.0.1").serverName == nil)
        #expect(try RedisURL(parsing: "rediss://[::1]").serverName == nil)
        #expect(try RedisURL(parsing: "unix:///path").serverName == nil)
    }
}
