import DelayQueueTestKit
import HiredisClient
import NIOCore
import NIOPosix
import PipelinedTransport
import Testing

/// One client, of a server that speaks anything but RESP2, and then does.
@Suite("A hostile Redis", .timeLimit(.minutes(4)))
struct RedisHostilityTests {
    private typealias Step = HostileServer.Step

    /// Answers to what every connection asks first.
    private static let greeting: [Step] = [.hear("memory"), .say(information)]

    private func client(of server: HostileServer, login: String = "", path: String = "") throws -> RedisClient {
        try RedisClient(
            url: try RedisURL(parsing: "redis://\(login)127.0.0.1:\(server.port)\(path)"), configuration: Peers.soon,
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Peers.logger)
    }

    private func ping(_ client: RedisClient, timeout: Duration = .seconds(60)) async -> Result<RedisValue, RedisError> {
        await client.send(timeout: timeout) { $0.command("PING") }[0]
    }

    /// Asks until the backoff is over; a real server answers then.
    private func expectWorking(_ client: RedisClient) async throws {
        var result = await ping(client)
        while case .failure(let error) = result, error.transport?.code == .backingOff { result = await ping(client) }
        #expect(try result.get() == .status("PONG"))
    }

    /// A ping fails with the code, the server is hung up on, and the same client works once the server does.
    private func expect(
        _ code: RedisError.Code, _ transport: TransportError.Code, of script: [Step], then real: RedisServer,
        login: String = "", path: String = "", _ name: String = ""
    ) async throws {
        try await HostileServer.running([script], inFrontOf: real.port) { server in
            let client = try client(of: server, login: login, path: path)
            let error = await #expect(throws: RedisError.self) { try await ping(client).get() }
            #expect(error?.code == code && error?.transport?.code == transport, "\(name.debugDescription)")
            #expect(error?.isRetriable == true && error?.isConfiguration == false, "\(name.debugDescription)")
            try await server.closed(1)
            if login.isEmpty { try await expectWorking(client) }
            await client.close()
        }
    }

    // Tables are not arguments of tests: the log would show them raw.
    private static let garbage = [
        "x\r\n", "\r\n", "\0", "HTTP/1.1 400 Bad Request\r\n\r\n", "%1\r\n", ">1\r\n", "_\r\n", "+a\n", "+a\rb",
        ":99999999999999999999\r\n", ":1e3\r\n", "$-2\r\n", "$67108865\r\n", "$99999999999999999999\r\n",
        "$1\r\nabc\r\n",
        "*-2\r\n", "*2147483648\r\n", "*9223372036854775807\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
        "\u{15}\u{3}\u{3}\0\u{2}\u{2}(",
    ]

    @Test func `garbage ends the connection, at the greeting and later`() async throws {
        try await withRedis(options: Peers.openRedis) { real in
            for text in Self.garbage {
                for before in [[.hear("memory")], Self.greeting + [.hear("PING")]] {
                    try await expect(.malformedReply, .protocolViolation, of: before + [.say(text)], then: real, text)
                }
            }
        }
    }

    @Test(arguments: ["+", "-", ":", "$", "*"])
    func `a line that never ends is hung up on`(_ type: String) async throws {
        try await withRedis(options: Peers.openRedis) { real in
            let script = Self.greeting + [.hear("PING"), .say(type), .sayForEver("1")]
            try await HostileServer.running([script], inFrontOf: real.port) { server in
                let client = try client(of: server)
                let error = await #expect(throws: RedisError.self) { try await ping(client).get() }
                #expect(error?.code == .malformedReply)
                try await server.closed(1)
                #expect(server.sent < 64 << 20)
                try await expectWorking(client)
                await client.close()
            }
        }
    }

    private static let halves = ["", "+PON", "$10\r\nhalf", "*2\r\n:1\r\n", "$3\r\nabc\r"]

    @Test func `half an answer and then silence ends with the deadline`() async throws {
        // Side by side: closing waits a second for the other half.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for half in Self.halves { group.addTask { try await timeOut(after: half) } }
            try await group.waitForAll()
        }
    }

    private func timeOut(after half: String) async throws {
        try await HostileServer.running([Self.greeting + [.hear("PING"), .say(half)]]) { server in
            let client = try client(of: server)
            let error = await #expect(throws: RedisError.self) {
                try await ping(client, timeout: .milliseconds(20)).get()
            }
            #expect(error?.transport?.code == .timedOut)
            await client.close()
        }
    }

    @Test func `hanging up in the middle of an answer fails it`() async throws {
        try await withRedis(options: Peers.openRedis) { real in
            for half in Self.halves {
                let script = Self.greeting + [.hear("PING"), .say(half), .hangUp]
                try await expect(.transport, .connectionLost, of: script, then: real, half)
            }
        }
    }

    @Test func `a reply too many ends the connection, after the one asked for`() async throws {
        try await withRedis(options: Peers.openRedis) { real in
            let script = Self.greeting + [.hear("PING"), .say("+PONG\r\n+PONG\r\n")]
            try await HostileServer.running([script], inFrontOf: real.port) { server in
                let client = try client(of: server)
                #expect(try await ping(client).get() == .status("PONG"))
                try await server.closed(1)
                try await expectWorking(client)
                await client.close()
            }
        }
    }

    /// What a server sends unasked to clients that speak RESP3.
    private static let pushes = [
        ">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nfoo\r\n", ">3\r\n+message\r\n+channel\r\n+PONG\r\n", ">1\r\n+PONG\r\n",
        ">0\r\n", "|1\r\n+ttl\r\n:3600\r\n",
    ]

    @Test func `a push is never taken for a reply, and no reply behind it counts`() async throws {
        try await withRedis(options: Peers.openRedis) { real in
            for push in Self.pushes {
                let between = Self.greeting + [.hear("PING"), .say("+PONG\r\n" + push + "+PONG\r\n")]
                try await HostileServer.running([between], inFrontOf: real.port) { server in
                    let client = try client(of: server)
                    let replies = await client.send(timeout: .seconds(60)) { batch in
                        for _ in 0..<2 { batch.command("PING") }
                    }
                    #expect(try replies[0].get() == .status("PONG"))
                    let error = #expect(throws: RedisError.self) { try replies[1].get() }
                    #expect(error?.code == .malformedReply && "\(error.map { "\($0)" } ?? "")".contains("RESP3"))
                    try await server.closed(1)
                    try await expectWorking(client)
                    await client.close()
                }
                for script in [
                    [.hear("memory"), .say(push + Self.information)], [.hear("memory"), .say("$0\r\n\r\n" + push)],
                    Self.greeting + [.hear("PING"), .say(push + "+PONG\r\n")],
                    Self.greeting + [.hear("PING"), .say("*2\r\n+PONG\r\n" + push)],
                ] as [[Step]] {
                    try await expect(.malformedReply, .protocolViolation, of: script, then: real, push)
                }
            }
        }
    }

    private static let information = "$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n"

    @Test func `no login and no database without an OK`() async throws {
        try await withRedis(options: Peers.openRedis) { real in
            for reply in [":1\r\n", "$-1\r\n", "*0\r\n", "+QUEUED\r\n", "$2\r\nOK\r\n"] {
                try await expect(
                    .malformedReply, .preambleRejected, of: [.hear("memory"), .say(reply + Self.information)],
                    then: real, login: "user:pass@", reply)
                try await expect(
                    .malformedReply, .preambleRejected, of: [.hear("SELECT"), .say(Self.information + reply)],
                    then: real, path: "/2", reply)
            }
        }
    }

    @Test func `a server that says of itself what is no text is refused`() async throws {
        try await withRedis(options: Peers.openRedis) { real in
            for reply in [":1\r\n", "*0\r\n", "*1\r\n$0\r\n\r\n"] {
                try await expect(
                    .malformedReply, .preambleRejected, of: [.hear("memory"), .say(reply + "$0\r\n\r\n$0\r\n\r\n")],
                    then: real, reply)
            }
        }
    }
}
