import NIOCore
import TestSupport
import Testing

@testable import DelayQueueTestKit

@Suite("Redis for tests", .timeLimit(.minutes(4)))
struct RedisServerTests {
    /// Without a password, to be talked to in few words.
    private static var open: RedisOptions {
        var options = RedisOptions()
        options.password = nil
        return options
    }

    @Test func noOtherUserOfTheMachineCanCommandIt() async throws {
        try await withRedis { server in
            let password = try #require(server.url.firstMatch(of: /redis:\/\/:([0-9a-z]{16,})@127/)).1
            #expect(RedisOptions().password != RedisOptions().password)
            try await RawConnection.with(port: server.port) { connection in
                #expect(try await connection.ask("PING")?.hasPrefix("-NOAUTH") == true)
                try await connection.expect("AUTH \(password)", answer: "+OK")
            }
            #if os(Linux)
                let processID = try #require(await server.processID)
                let parent = try #require(status(of: processID, "PPid"))
                for process in ["\(processID)", parent] {
                    let arguments = contents(of: "/proc/\(process)/cmdline")
                    #expect(!arguments.isEmpty && !arguments.contains(password))
                }
            #endif
            #expect(permissions(of: "\(server.folder)/secrets.conf") == 0o600)
        }
    }

    @Test func answersOnItsPortAndItsSocket() async throws {
        try await withRedis(options: Self.open) { server in
            #expect(server.url == "redis://127.0.0.1:\(server.port)")
            #expect(server.address == "127.0.0.1:\(server.port)")
            try await expect(port: server.port, "PING", answer: "+PONG")
            let socket = try SocketAddress(unixDomainSocketPath: server.unixSocketPath)
            #expect(try await RawConnection.with(socket) { try await $0.ask("PING") } == "+PONG")
        }
    }

    @Test func listensOnTheLoopbackInterfaceOnly() async throws {
        try await withRedis(options: Self.open) { server in
            try await RawConnection.with(port: server.port) { connection in
                try await connection.expect("CONFIG GET bind", answer: "*2")
                for _ in 0..<3 { _ = try await connection.line() }
                #expect(try await connection.line() == "127.0.0.1")
            }
        }
    }

    @Test func stopEndsTheProcessAndRemovesTheFolder() async throws {
        let server = try await RedisServer.start()
        let processID = try #require(await server.processID)
        await server.stop()
        #expect(!exists(processID: processID))
        #expect(!exists(path: server.folder))
        #expect(await !server.isRunning)
    }

    @Test func dataIsGoneAfterAKill() async throws {
        try await withRedis(options: Self.open) { server in
            try await expect(port: server.port, "SET key value", answer: "+OK")
            await server.kill()
            try await server.restart()
            try await expect(port: server.port, "EXISTS key", answer: ":0")
        }
    }

    @Test func dataSurvivesAKillInAppendOnlyMode() async throws {
        var options = Self.open
        options.appendOnly = true
        try await withRedis(options: options) { server in
            try await expect(port: server.port, "SET key value", answer: "+OK")
            await server.kill()
            await #expect(throws: (any Error).self) { try await ask(port: server.port, "PING") }
            try await server.restart()
            try await expect(port: server.port, "EXISTS key", answer: ":1")
        }
    }

    @Test func suspendedServerAnswersOnceItIsResumed() async throws {
        try await withRedis(options: Self.open) { server in
            try await RawConnection.with(port: server.port) { connection in
                try await server.suspend()
                #if os(Linux)
                    let processID = try #require(await server.processID)
                    #expect(status(of: processID, "State")?.hasPrefix("T") == true)
                #endif
                try await connection.send("PING\r\n")
                try await server.resume()
                #expect(try await connection.line() == "+PONG")
            }
        }
    }

    @Test func passwordIsNeeded() async throws {
        var options = RedisOptions()
        options.password = #"a b/c"\'é"#
        try await withRedis(options: options) { server in
            #expect(server.url == "redis://:a%20b%2Fc%22%5C%27%C3%A9@127.0.0.1:\(server.port)")
            try await RawConnection.with(port: server.port) { connection in
                #expect(try await connection.ask("PING")?.hasPrefix("-NOAUTH") == true)
                try await connection.expect(#"AUTH "a b/c\"\\'é""#, answer: "+OK")
                try await connection.expect("PING", answer: "+PONG")
            }
        }
    }

    @Test(.enabled(if: RedisProgram.isAtLeast(6))) func usersAreAsTheirLinesSay() async throws {
        var options = RedisOptions()
        options.aclLines = ["alice on >secret ~dq:* +get +ping", "default off"]
        try await withRedis(options: options) { server in
            try await RawConnection.with(port: server.port) { connection in
                #expect(try await connection.ask("PING")?.hasPrefix("-NOAUTH") == true)
                try await connection.expect("AUTH alice secret", answer: "+OK")
                try await connection.expect("GET dq:1", answer: "$-1")
                #expect(try await connection.ask("GET other")?.hasPrefix("-NOPERM") == true)
                #expect(try await connection.ask("SET dq:1 x")?.hasPrefix("-NOPERM") == true)
            }
        }
    }

    @Test func memoryLimitAndExtraArgumentsReachTheServer() async throws {
        var options = Self.open
        options.maxMemory = 1
        options.maxMemoryPolicy = "noeviction"
        options.extraArguments = ["--databases", "3"]
        try await withRedis(options: options) { server in
            #expect(try await ask(port: server.port, "SET key value")?.hasPrefix("-OOM") == true)
            try await expect(port: server.port, "SELECT 2", answer: "+OK")
            #expect(try await ask(port: server.port, "SELECT 3")?.hasPrefix("-ERR") == true)
        }
    }

    @Test(.enabled(if: RedisProgram.isAtLeast(6))) func plainConnectionsAreRefusedWithTLS() async throws {
        let process = SupervisedProcess()
        // The folder of a process of its own holds the certificate while the server runs.
        let folder = try await process.open(
            name: "certificate",
            command: [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", "1", "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "certificate.pem",
            ])
        try await process.start()
        await process.waitForExit()
        #expect(await process.lastStatus == 0)
        var options = Self.open
        options.tls = .init(
            certificateFile: "\(folder)/certificate.pem", keyFile: "\(folder)/key.pem",
            caFile: "\(folder)/certificate.pem")
        try await withRedis(options: options) { server in
            #expect(server.url == "rediss://127.0.0.1:\(server.port)")
            try await RawConnection.with(port: server.port) { connection in
                try await connection.send("PING\r\n")
                _ = await connection.readToEnd()
                #expect(!connection.pieces.joined().contains("PONG"))
            }
            let socket = try SocketAddress(unixDomainSocketPath: server.unixSocketPath)
            #expect(try await RawConnection.with(socket) { try await $0.ask("PING") } == "+PONG")
        }
        await process.close()
    }

    @Test func missingExecutableNamesThePackage() async throws {
        var options = RedisOptions()
        options.executable = "/nowhere/redis-server"
        let error = await #expect(throws: TestKitError.self) { try await RedisServer.start(options: options) }
        #expect(error?.code == .executableNotFound)
        #expect(error?.message.contains("apt install redis-server") == true)
        #expect(error?.message.contains("brew install redis") == true)
    }

    @Test func earlyEndCarriesTheOutput() async throws {
        var options = RedisOptions()
        options.extraArguments = ["--no-such-directive", "1"]
        let error = await #expect(throws: TestKitError.self) { try await RedisServer.start(options: options) }
        #expect(error?.code == .exitedEarly)
        #expect(error?.message.contains("no-such-directive") == true, "\(String(describing: error))")
    }

    @Test func readinessIsJudgedByTheLastAnswer() {
        #expect(RedisServer.judge("+PONG\r\n") == true)
        #expect(RedisServer.judge("+OK\r\n+PONG\r\n") == true)
        #expect(RedisServer.judge("+OK\r\n+PO") == nil)
        #expect(RedisServer.judge("+OK\r\n") == nil)
        #expect(RedisServer.judge("-LOADING Redis is loading the dataset in memory\r\n") == false)
        #expect(RedisServer.judge("-WRONGPASS no\r\n-NOAUTH Authentication required.\r\n") == true)
        #expect(RedisServer.judge("") == nil)
    }
}
