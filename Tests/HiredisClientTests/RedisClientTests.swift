import HiredisClient
import NIOCore
import PipelinedTransport
import Testing

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
                #expect(await client.execute([]).results.isEmpty)
            }
        }
    }

    @Test func reportsRefusalsPerCommand() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url) { client in
                let outcome = await client.execute([
                    RedisCommand(["SET", "k", "v"]), RedisCommand(["LPUSH", "k", "x"]), RedisCommand(["NOSUCH"]),
                    RedisCommand(["GET", "k"]),
                ])
                #expect(!outcome.isSuccess)
                #expect(outcome.results.count == 4)
                #expect(try outcome.results[0].get() == .status("OK"))
                let wrongType = try failure(of: outcome.results[1])
                #expect(wrongType.code == .server && wrongType.serverPrefix == "WRONGTYPE")
                #expect(!wrongType.isRetriable && wrongType.mayHaveBeenSent && !wrongType.isOutcomeUnknown)
                #expect(try failure(of: outcome.results[2]).serverPrefix == "ERR")
                #expect(try outcome.results[3].get().string == "v")
                let invalid = await client.execute([RedisCommand(["SET", "k", "w"]), RedisCommand([])])
                #expect(try failure(of: invalid.results.first).code == .invalidCommand)
                #expect(try failure(of: invalid.results.last).code == .invalidCommand)
                #expect(try await client.command("GET", "k").string == "v")
            }
        }
    }

    @Test func pipelinesBatchesOfManyCallers() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url) { client in
                await withTaskGroup { group in
                    for caller in 0..<64 {
                        group.addTask {
                            let commands = (0..<100).map { RedisCommand(["INCRBY", "c\(caller)", .integer($0)]) }
                            let outcome = await client.execute(commands, timeout: .seconds(30))
                            let sums = outcome.results.map { try? $0.get().int }
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
        let script = RedisScript("return ARGV[1]")
        let port = try RedisProcess.freePort()
        try await withClient("redis://127.0.0.1:\(port)", scripts: [script]) { client in
            let first = try await RedisProcess.run(port: port) { _ in
                _ = try await client.command("PING")
                return await client.status.generation
            }
            try await RedisProcess.run(port: port) { _ in
                // The first may still meet the old connection's end.
                while (try? await client.command("PING")) == nil {}
                #expect(await client.status.generation > first)
                let results = await client.evaluate([RedisCall(script: script, keys: [], arguments: ["x"])])
                let answer = try results.first?.get()
                #expect(answer?.string == "x")
            }
        }
    }

    @Test func saysWhatMayHaveRunWhenTheServerDies() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url) { client in
                async let batch = client.execute(
                    [
                        RedisCommand(["RPUSH", "signal", "x"]), RedisCommand(["BLPOP", "never", "0"]),
                        RedisCommand(["SET", "after", "1"]),
                    ], timeout: nil)
                try await withClient(server.url) { observer in
                    let signal = await observer.execute([RedisCommand(["BLPOP", "signal", "0"])], timeout: nil)
                    #expect(signal.isSuccess)
                }
                await server.kill()
                let outcome = await batch
                #expect(try outcome.results[0].get().int == 1)
                for result in outcome.results.dropFirst() {
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
                let outcome = await client.execute(
                    [RedisCommand(["PING"]), RedisCommand(["BLPOP", "late", "0"])], timeout: .milliseconds(100))
                #expect(try outcome.results[0].get() == .status("PONG"))
                let error = try failure(of: outcome.results[1])
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
            try await RedisProcess.run(["--replicaof", "127.0.0.1 \(primary.port)"]) { replica in
                try await withClient(replica.url) { client in
                    let first = await client.status.generation
                    let error = try await client.refusal("SET", "k", "v")
                    #expect(error.serverPrefix == "READONLY" && error.isRetriable)
                    _ = try await client.command("REPLICAOF", "NO", "ONE")
                    #expect(try await client.command("SET", "k", "v") == .status("OK"))
                    #expect(await client.status.generation > first)
                }
            }
        }
    }
}
