import NIOCore
import PipelinedTransport
import Testing

@testable import HiredisClient

@Suite(.timeLimit(.minutes(4))) struct RedisClientTests {
    @Test func answersCommands() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url) { client in
                #expect(await client.isReady == false)
                let pong = try await client.command("PING")
                #expect(pong == .status("PONG"))
                #expect(await client.isReady)
                #expect(try await client.command("GET", "nothing") == .null)
                #expect(try await client.command("SET", "k", "v\r\n\0é") == .status("OK"))
                #expect(try await client.command("GET", "k").string == "v\r\n\0é")
                #expect(try await client.command("INCR", "n").int == 1)
                #expect(try await client.command("GET", "n").int == 1)
                #expect(try await client.command("LRANGE", "none", "0", "-1") == .array([]))
                #expect(await client.send { _ in }.count == 0)
            }
        }
    }

    @Test func reportsRefusalsPerCommand() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url) { client in
                let replies = await client.send {
                    $0.command("SET", "k", "v")
                    $0.command("LPUSH", "k", "x")
                    $0.command([])
                    $0.command("NOSUCH")
                    $0.command("GET", "k")
                }
                #expect(replies.count == 5)
                #expect(try replies[0].get() == .status("OK"))
                let wrongType = try failure(of: replies[1])
                #expect(wrongType.code == .server && wrongType.serverPrefix == "WRONGTYPE")
                #expect(!wrongType.isRetriable && wrongType.mayHaveBeenSent && !wrongType.isOutcomeUnknown)
                let invalid = try failure(of: replies[2])
                #expect(invalid.code == .invalidCommand && !invalid.mayHaveBeenSent)
                #expect(try failure(of: replies[3]).serverPrefix == "ERR")
                #expect(try replies[4].get().string == "v")
                #expect(try failure(of: await client.send { $0.command([]) }[0]).code == .invalidCommand)
            }
        }
    }

    @Test func pipelinesBatchesOfManyCallers() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url) { client in
                await withTaskGroup { group in
                    for caller in 0..<64 {
                        group.addTask {
                            let replies = await client.send(timeout: .seconds(30)) { batch in
                                for number in 0..<100 { batch.command("INCRBY", "c\(caller)", .integer(number)) }
                            }
                            let sums = replies.results.map { try? $0.get().int }
                            let expected: [Int64?] = (0..<100).map { Int64($0 * ($0 + 1) / 2) }
                            #expect(sums == expected)
                        }
                    }
                }
                let list = try await client.command("CLIENT", "LIST").string ?? ""
                #expect(list.split(whereSeparator: \.isNewline).count == 1, "one connection for all")
            }
        }
    }

    @Test func speaksThroughASocketFile() async throws {
        try await RedisProcess.run { server in
            try await withClient("unix://\(server.socketPath)?db=2") { client in
                _ = try await client.command("SET", "where", "two")
            }
            try await withClient("\(server.url)/2") { client in
                let two = try await client.command("GET", "where")
                #expect(two.string == "two")
            }
            try await withClient(server.url) { client in
                let none = try await client.command("GET", "where")
                #expect(none.isNull)
            }
        }
    }

    @Test func failsFastWhileNothingListens() async throws {
        var configuration = ConnectionConfiguration()
        configuration.backoff = ExponentialBackoff(initial: .seconds(60), maximum: .seconds(60))
        let url = "redis://127.0.0.1:\(try RedisProcess.freePort())"
        try await withClient(url, configuration: configuration) { client in
            let refused = try await client.refusal("PING")
            #expect(refused.code == .transport && refused.transport?.code == .connectFailed)
            #expect(refused.isRetriable && !refused.mayHaveBeenSent && !refused.isConfiguration)
            let waiting = try await client.refusal("PING")
            #expect(waiting.transport?.code == .backingOff && waiting.retryAfter != nil)
        }
    }

    @Test func connectsOnceTheServerIsThere() async throws {
        let port = try RedisProcess.freePort()
        var configuration = ConnectionConfiguration()
        configuration.backoff = ExponentialBackoff(initial: .milliseconds(1), maximum: .milliseconds(1))
        try await withClient("redis://127.0.0.1:\(port)", configuration: configuration) { client in
            #expect(try await client.refusal("PING").transport?.code == .connectFailed)
            try await RedisProcess.run(port: port) { _ in
                var last = try? await client.command("PING")
                // The backoff, of a millisecond, has to run out.
                while last == nil { last = try? await client.command("PING") }
                #expect(last == .status("PONG"))
            }
        }
    }

    @Test func reconnectsAfterARestart() async throws {
        let script = "return ARGV[1]"
        let port = try RedisProcess.freePort()
        try await withClient("redis://127.0.0.1:\(port)", scripts: [script]) { client in
            let first = try await RedisProcess.run(port: port) { _ in
                _ = try await client.command("PING")
                return await client.generation
            }
            try await RedisProcess.run(port: port) { _ in
                // The first may still meet the old connection's end.
                while (try? await client.command("PING")) == nil {}
                #expect(await client.generation > first)
                let replies = await client.send { $0.call(0, "k", ["x"]) }
                let answer = try replies[0].get()
                #expect(answer.string == "x")
            }
        }
    }

    @Test func saysWhatMayHaveRunWhenTheServerDies() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url) { client in
                async let batch = client.send(timeout: nil) {
                    $0.command("RPUSH", "signal", "x")
                    $0.command("BLPOP", "never", "0")
                    $0.command("SET", "after", "1")
                }
                try await withClient(server.url) { observer in
                    _ = try await observer.command("BLPOP", "signal", "0", timeout: nil)
                }
                await server.kill()
                let replies = await batch
                #expect(try replies[0].get().int == 1)
                for result in replies.results.dropFirst() {
                    let error = try failure(of: result)
                    #expect(error.transport?.code == .connectionLost)
                    #expect(error.mayHaveBeenSent && error.isOutcomeUnknown && error.isRetriable)
                }
            }
        }
    }

    @Test func timesOutAndGoesOn() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url) { client in
                _ = try await client.command("PING")
                let replies = await client.send(timeout: .milliseconds(100)) {
                    $0.command("PING")
                    $0.command("BLPOP", "late", "0")
                }
                #expect(try replies[0].get() == .status("PONG"))
                let error = try failure(of: replies[1])
                #expect(error.transport?.code == .timedOut && error.isOutcomeUnknown)
                try await withClient(server.url) { _ = try await $0.command("RPUSH", "late", "x") }
                #expect(try await client.command("PING") == .status("PONG"))
                #expect(try await client.command("LLEN", "late").int == 0)
            }
        }
    }

    @Test func closes() async throws {
        try await RedisProcess.run { server in
            let client = try makeClient(server.url)
            _ = try await client.command("PING")
            await client.close()
            await client.close()
            let error = try await client.refusal("PING")
            #expect(error.transport?.code == .closed && !error.isRetriable && !error.mayHaveBeenSent)
            #expect(await client.isReady == false)
        }
    }

    @Test func leavesAReplica() async throws {
        try await RedisProcess.run { primary in
            try await RedisProcess.run(["--replicaof", "127.0.0.1", "\(primary.port)"]) { replica in
                try await withClient(replica.url) { client in
                    let first = await client.generation
                    let error = try await client.refusal("SET", "k", "v")
                    #expect(error.serverPrefix == "READONLY" && error.isRetriable)
                    _ = try await client.command("REPLICAOF", "NO", "ONE")
                    #expect(try await client.command("SET", "k", "v") == .status("OK"))
                    #expect(await client.generation > first)
                }
            }
        }
    }
}
