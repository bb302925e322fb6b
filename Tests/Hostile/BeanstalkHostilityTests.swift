import Beanstalk
import DelayQueueTestKit
import NIOCore
import NIOPosix
import PipelinedTransport
import Testing

/// One connection, to a server that speaks anything but beanstalkd's protocol, and then does.
@Suite("A hostile beanstalkd", .timeLimit(.minutes(4)))
struct BeanstalkHostilityTests {
    private typealias Step = HostileServer.Step

    // MARK: Bytes that are no replies

    // Tables are not arguments of tests: the log would show them raw.
    private static let garbage = [
        "220 mail.example ESMTP\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "\0\0\0\r\n", "\r\n", "DELETED\n", "+OK\r\n",
        "RESERVED 1 -1\r\n", "RESERVED 1 18446744073709551615\r\n", "RESERVED 1 9223372036854775807\r\n",
        "RESERVED 1 1073741825\r\n", "FOUND 1 99999999999999999999999\r\n", "OK -5\r\n", "OK 3\r\nabcde\r\n",
        "INSERTED 18446744073709551616\r\n", "INSERTED -1\r\n", "INSERTED\r\n", "WATCHING 4294967296\r\n",
    ]

    @Test func `garbage for an answer ends the connection`() async throws {
        try await withBeanstalkd { real in
            for text in Self.garbage {
                let script: [Step] = [.hear("peek-ready"), .say(text)]
                try await Peers.expect(.protocolViolation, of: [.peekReady], to: script, then: real, text)
            }
        }
    }

    @Test func `a TLS server on a plain port is no beanstalkd`() async throws {
        // An alert that says "unexpected message", and the end.
        let script: [Step] = [.hear("peek-ready"), .send([0x15, 3, 3, 0, 2, 2, 10]), .hangUp]
        try await withBeanstalkd { try await Peers.expect(.protocolViolation, of: [.peekReady], to: script, then: $0) }
    }

    @Test func `a plain server on a TLS port is never talked to`() async throws {
        try await HostileServer.running([[.say("USING t\r\nWATCHING 2\r\nWATCHING 1\r\nNOT_FOUND\r\n")]]) { server in
            var configuration = Peers.soon
            configuration.tls = try .verifying()
            let connection = Peers.connection(to: server, tube: try TubeName(validating: "t"), configuration)
            let outcome = await connection.execute([.peekReady], timeout: .seconds(60))
            #expect(outcome.failure?.code == .connectFailed)
            #expect(outcome.failure?.mayHaveBeenSent == false)
            try await server.closed(1)
            await connection.close()
        }
    }

    @Test func `a greeting nobody asked for ends the connection`() async throws {
        let script: [Step] = [.say("220 mail.example ESMTP\r\n")]
        try await withBeanstalkd { try await Peers.expect(.protocolViolation, of: [.peekReady], to: script, then: $0) }
    }

    /// With the largest body a connection takes by default.
    @Test(arguments: ["", "FOUND 1 16777216\r\n"])
    func `a line or a body that never ends is hung up on`(_ beginning: String) async throws {
        try await withBeanstalkd { real in
            let scripts: [[Step]] = [[.hear("peek-ready"), .say(beginning), .sayForEver("A")]]
            try await HostileServer.running(scripts, inFrontOf: real.port) { server in
                let connection = Peers.connection(to: server)
                let outcome = await connection.execute([.peekReady], timeout: .seconds(60))
                #expect(outcome.failure?.code == .protocolViolation)
                try await server.closed(1)
                // Far less than the loopback interface carries in the time: the limit, and what the system buffers.
                #expect(server.sent < 64 << 20)
                try await Peers.expectWorking(connection)
                await connection.close()
            }
        }
    }

    // MARK: Who it is

    /// With what Redis, memcached, an HTTP server and others say to `stats`, or before it.
    private static let strangers = [
        "-ERR unknown command 'stats', with args beginning with: \r\n", "STAT pid 1\r\nSTAT uptime 1\r\nEND\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n", "220 mail.example ESMTP\r\n", "SSH-2.0-OpenSSH_9.6\r\n",
        "UNKNOWN_COMMAND\r\n", "BAD_FORMAT\r\n", "DELETED\r\n", "FOUND 1 1\r\nx\r\n",
    ]

    @Test func `a server of another kind is told to be none of ours, and is not talked to`() async throws {
        for reply in Self.strangers {
            try await HostileServer.running([[.hear("stats"), .say(reply)]]) { server in
                let connection = Peers.connection(to: server, identifiesServer: true)
                let outcome = await connection.execute([.peekReady], timeout: .seconds(60))
                #expect(outcome.failure?.code == .preambleRejected, "\(reply.debugDescription)")
                #expect(outcome.failure?.mayHaveBeenSent == false && outcome.generation.serverID == nil)
                #expect(outcome.failure.map { "\($0)".contains("this is no beanstalkd") } == true)
                try await server.closed(1)
                await connection.close()
            }
        }
    }

    @Test(arguments: ["OUT_OF_MEMORY\r\n", "INTERNAL_ERROR\r\n"])
    func `a beanstalkd in trouble is not taken for another server`(_ reply: String) async throws {
        try await HostileServer.running([[.hear("stats"), .say(reply)]]) { server in
            let connection = Peers.connection(to: server, identifiesServer: true)
            let outcome = await connection.execute([.peekReady], timeout: .seconds(60))
            #expect(outcome.failure?.code == .preambleRejected)
            #expect(outcome.failure.map { "\($0)".contains("no beanstalkd") } == false)
            await connection.close()
        }
    }

    @Test func `statistics that never end are hung up on`() async throws {
        try await withBeanstalkd { real in
            let beginnings = ["OK 65536\r\n", "OK 65537\r\n", "OK 16777216\r\n", "FOUND 1 65537\r\n"]
            for beginning in beginnings {
                let script: [Step] = [.hear("stats"), .say(beginning), .sayForEver("A")]
                try await Peers.expect(
                    .preambleRejected, of: [.peekReady], to: script, then: real, identifiesServer: true, beginning)
            }
        }
    }

    /// None, none that can be read, and one that comes in pieces.
    @Test func `a server whose id cannot be read is talked to, and has none`() async throws {
        for (lines, id) in [
            ("version: 1.6\n", nil), ("id: 0123456789ABCDEF\n", nil), ("id: 1\n", nil), ("id:\n", nil),
            ("x\n\n:\n", nil),
            ("hostname: id: a\nid: \"0123456789abcdef\"\n", 0x0123_4567_89ab_cdef),
        ] as [(String, UInt64?)] {
            let text = [Step].statistics(lines)
            let script = text.map { Step.say(String($0)) }
            try await HostileServer.running([[.hear("stats")] + script + [.hear("peek"), .say("NOT_FOUND\r\n")]]) {
                let connection = Peers.connection(to: $0, identifiesServer: true)
                let outcome = await connection.execute([.peekReady], timeout: .seconds(60))
                #expect(outcome.replies == [.notFound])
                #expect(outcome.generation.serverID == id.map(ServerID.init))
                await connection.close()
            }
        }
    }

    // MARK: Silence

    private static let halves = ["", "FOU", "FOUND 1 10\r\nhalf", "FOUND 1 0\r\n\r"]

    @Test func `half an answer and then silence ends with the deadline`() async throws {
        for half in Self.halves {
            let script: [Step] = [.hear("peek-buried"), .say("NOT_FOUND\r\n"), .hear("peek-ready"), .say(half)]
            try await HostileServer.running([script]) { server in
                let connection = Peers.connection(to: server)
                #expect(await connection.execute([.peekBuried], timeout: .seconds(60)).replies == [.notFound])
                let outcome = await connection.execute([.peekReady], timeout: .milliseconds(20))
                #expect(outcome.failure?.code == .timedOut)
                #expect(outcome.failure?.mayHaveBeenSent == true)
                await connection.disconnect()
                try await server.closed(1)
            }
        }
    }

    @Test func `hanging up in the middle of an answer fails it`() async throws {
        try await withBeanstalkd { real in
            for half in Self.halves {
                let script: [Step] = [.hear("peek-ready"), .say(half), .hangUp]
                try await Peers.expect(.connectionLost, of: [.peekReady], to: script, then: real, half)
            }
        }
    }

    @Test func `the greeting counts within the connect timeout`() async throws {
        try await withBeanstalkd { real in
            try await HostileServer.running([[.hear("use"), .say("USI")]], inFrontOf: real.port) { server in
                var configuration = Peers.soon
                configuration.connectTimeout = .seconds(1)
                let connection = Peers.connection(to: server, tube: try TubeName(validating: "t"), configuration)
                let outcome = await connection.execute([.peekReady], timeout: .seconds(60))
                #expect(outcome.failure?.code == .connectFailed)
                try await server.closed(1)
                try await Peers.expectWorking(connection)
                await connection.close()
            }
        }
    }
}
