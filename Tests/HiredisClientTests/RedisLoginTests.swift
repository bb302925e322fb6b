import HiredisClient
import NIOCore
import NIOPosix
import PipelinedTransport
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(4))) struct RedisLoginTests {
    /// The refusal of a first command, which must be the same inside the backoff that follows.
    private func refusal(_ url: String, scripts: [String] = []) async throws -> RedisError {
        var configuration = ConnectionConfiguration()
        configuration.backoff = ExponentialBackoff(initial: .seconds(60), maximum: .seconds(60))
        return try await withClient(url, scripts: scripts, configuration: configuration) { client in
            let first = try await client.refusal("PING")
            let second = try await client.refusal("PING")
            #expect(first.code == second.code && first.message == second.message)
            #expect(!first.mayHaveBeenSent && !second.mayHaveBeenSent)
            #expect(second.transport?.code == .backingOff && second.retryAfter != nil)
            return first
        }
    }

    @Test func logsInWithThePassword() async throws {
        try await RedisProcess.run(["--requirepass", "hunter2/:@ %"]) { server in
            let place = "127.0.0.1:\(server.port)"
            try await withClient("redis://:hunter2%2f%3A%40%20%25@\(place)") {
                let pong = try await $0.command("PING")
                #expect(pong == .status("PONG"))
            }
            if RedisProgram.isAtLeast(6) {
                try await withClient("redis://default:hunter2%2f%3A%40%20%25@\(place)") {
                    let pong = try await $0.command("PING")
                    #expect(pong == .status("PONG"))
                }
            } else {
                let error = try await refusal("redis://default:hunter2%2f%3A%40%20%25@\(place)")
                #expect(error.code == .wrongPassword && error.message.contains("knows no user names"))
            }
            for login in ["", ":hunter3@"] + (RedisProgram.isAtLeast(6) ? ["default:hunter3@", "nobody:hunter3@"] : [])
            {
                let error = try await refusal("redis://\(login)\(place)")
                #expect(error.code == .wrongPassword && error.isConfiguration && !error.isRetriable)
                #expect(["WRONGPASS", "NOAUTH"].contains(error.serverPrefix) || !RedisProgram.isAtLeast(6))
                #expect(!String(reflecting: error).contains("hunter3"))
            }
        }
    }

    @Test func refusesAPasswordNobodyAskedFor() async throws {
        try await RedisProcess.run { server in
            let error = try await refusal("redis://:hunter2@127.0.0.1:\(server.port)")
            #expect(error.code == .wrongPassword)
        }
    }

    @Test func keepsThePasswordOutOfErrorsWhereLoginIsRenamed() async throws {
        try await RedisProcess.run(["--rename-command", "AUTH", "LOGIN"]) { server in
            let error = try await refusal("redis://:hunter2@127.0.0.1:\(server.port)")
            #expect(error.code == .wrongPassword)
            #expect(!String(reflecting: error).contains("hunter2"))
        }
    }

    @Test(.enabled(if: RedisProgram.isAtLeast(6))) func logsInAsAUser() async throws {
        let script = "return redis.call('GET', KEYS[1])"
        try await RedisProcess.run { server in
            let place = "127.0.0.1:\(server.port)"
            try await withClient(server.url) { admin in
                for words: [RedisArgument] in [
                    // May not ask INFO, and works all the same.
                    ["worker", "on", ">pass", "~dq:*", "+@all", "-@dangerous"],
                    ["reader", "on", ">pass", "~*", "+get", "+ping", "+info"],
                ] {
                    #expect(await admin.send { $0.command(["ACL", "SETUSER"] + words) }.isSuccess)
                }
            }
            try await withClient("redis://worker:pass@\(place)", scripts: [script]) { client in
                #expect(try await client.command("SET", "dq:a", "1") == .status("OK"))
                let key = try await client.refusal("SET", "other", "1")
                #expect(key.code == .permissionDenied && key.isConfiguration && key.serverPrefix == "NOPERM")
            }
            let denied = try await refusal("redis://reader:pass@\(place)", scripts: [script])
            #expect(denied.code == .permissionDenied && denied.isConfiguration)
            #expect(try await refusal("redis://worker:wrong@\(place)").code == .wrongPassword)
        }
    }

    @Test func refusesAMissingDatabase() async throws {
        try await RedisProcess.run(["--databases", "4"]) { server in
            try await withClient("\(server.url)/3") {
                let pong = try await $0.command("PING")
                #expect(pong == .status("PONG"))
            }
            let error = try await refusal("\(server.url)/4")
            #expect(error.code == .wrongDatabase && error.isConfiguration)
        }
    }

    @Test func refusesACluster() async throws {
        try await RedisProcess.run(["--cluster-enabled", "yes"]) { server in
            for url in [server.url, "\(server.url)/1"] {
                let error = try await refusal(url, scripts: ["return 1"])
                #expect(error.code == .clusterUnsupported && error.isConfiguration)
            }
        }
    }

    @Test func reportsAFullServer() async throws {
        try await RedisProcess.run(["--maxclients", "1"]) { server in
            try await withClient(server.url) { first in
                _ = try await first.command("PING")
                let error = try await refusal(server.url)
                #expect(error.message.contains("max number of clients"), "\(error)")
                #expect(error.isRetriable && !error.isConfiguration)
            }
        }
    }

    @Test func forgetsARefusalOnceTheServerIsGone() async throws {
        let port = try RedisProcess.freePort()
        var configuration = ConnectionConfiguration()
        configuration.backoff = ExponentialBackoff(initial: .milliseconds(1), maximum: .milliseconds(1))
        try await withClient("redis://:hunter2@127.0.0.1:\(port)", configuration: configuration) { client in
            try await RedisProcess.run(port: port) { _ in
                let refusal = try await client.refusal("PING")
                #expect(refusal.isConfiguration)
            }
            var last = try await client.refusal("PING")
            while last.transport?.code != .connectFailed { last = try await client.refusal("PING") }
            #expect(last.code == .transport && last.isRetriable)
        }
    }

    @Test func reportsAPeerThatIsNoRedis() async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(MailServer())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(listener.localAddress?.port)
        let error = try await refusal("redis://127.0.0.1:\(port)")
        #expect(error.code == .malformedReply && error.transport?.code == .protocolViolation)
        try await listener.close()
    }
}

/// Greets as mail servers do.
private final class MailServer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "220 mail.example ESMTP\r\n")), promise: nil)
    }
}
