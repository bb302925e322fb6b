import NIOCore
import PipelinedTransport
import Testing

@testable import HiredisClient

@Suite(.timeLimit(.minutes(4))) struct RedisScriptTests {
    private static let append = RedisScript("redis.call('RPUSH', KEYS[1], ARGV[1]) return ARGV[1]")
    private static let length = RedisScript("return redis.call('LLEN', KEYS[1])")

    private func append(_ value: Int, to key: String) -> RedisCall {
        RedisCall(script: Self.append, keys: [key], arguments: [.integer(value)])
    }

    private func list(_ key: String, _ client: RedisClient) async throws -> [Int64] {
        try await client.command("LRANGE", key, "0", "-1").array?.compactMap(\.int) ?? []
    }

    @Test func callsScripts() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url, scripts: [Self.append]) { client in
                let binary = ByteBuffer(bytes: [0, 13, 10, 255])
                let results = await client.evaluate([
                    RedisCall(script: Self.append, keys: ["a"], arguments: [.bytes(binary)]),
                    RedisCall(script: Self.append, keys: ["b"], arguments: ["", "unused"]),
                    // Not among the client's scripts: loaded when it is missed.
                    RedisCall(script: Self.length, keys: ["a"]),
                    RedisCall(script: RedisScript("return redis.error_reply('MINE no')"), keys: []),
                    RedisCall(script: RedisScript("return {1, {'two', false}}"), keys: []),
                    RedisCall(script: RedisScript("this is not Lua"), keys: ["a"]),
                ])
                #expect(results.count == 6)
                #expect(try results[0].get() == .bulk(binary))
                #expect(try results[1].get().string == "")
                #expect(try results[2].get().int == 1)
                #expect(try failure(of: results[3]).serverPrefix == "MINE")
                let two = RedisValue.bulk(ByteBuffer(string: "two"))
                #expect(try results[4].get() == .array([.integer(1), .array([two, .null])]))
                let notLua = try failure(of: results[5])
                #expect(notLua.serverPrefix == "ERR" && notLua.message.contains("compil"))
                #expect(await client.evaluate([]).isEmpty)
                #expect(await client.isIdle)
            }
        }
    }

    @Test func loadsScriptsAgainAfterAFlush() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url, scripts: [Self.append, Self.length]) { client in
                for round in 0..<20 {
                    _ = try await client.command("SCRIPT", "FLUSH")
                    let results = await client.evaluate([
                        append(3 * round, to: "k"), append(3 * round + 1, to: "k"), append(3 * round + 2, to: "k"),
                        RedisCall(script: Self.length, keys: ["k"]),
                    ])
                    #expect(results.allSatisfy { (try? $0.get()) != nil })
                    #expect(try results[3].get().int == Int64(3 * round + 3))
                }
                #expect(try await list("k", client) == (0..<60).map { Int64($0) })
                #expect(await client.reloads == 20)
                #expect(await client.isIdle)
            }
        }
    }

    /// Another client flushes and loads the scripts all the time, so that calls fail and succeed in turn; still
    /// every key must see its calls in the order in which they were handed over, each once.
    @Test func keepsTheOrderOfEachKeyAcrossBatches() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url, scripts: [Self.append, Self.length]) { client in
                try await withClient(server.url) { other in
                    async let rounds = other.flushAndLoad(Self.append, until: "stop")
                    while try await client.command("SCRIPT", "EXISTS", Self.length.sha1) == .array([.integer(1)]) {}
                    let batches = (0..<300).map { batch in
                        (0..<8).map { append(8 * batch + $0, to: "k\((batch + $0 / 2) % 5)") }
                    }
                    await client.submitInOrder(batches)
                    try await withClient(server.url) { _ = try await $0.command("SET", "stop", "1") }
                    #expect(try await rounds > 1)
                    var expected = Array(repeating: [Int64](), count: 5)
                    for batch in 0..<300 {
                        for index in 0..<8 { expected[(batch + index / 2) % 5].append(Int64(8 * batch + index)) }
                    }
                    for key in 0..<5 {
                        #expect(try await list("k\(key)", client) == expected[key])
                    }
                    #expect(await client.reloads > 0)
                    #expect(await client.isIdle)
                }
            }
        }
    }

    @Test func batchesOfManyCallersLoadOnce() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url, scripts: [Self.append, Self.length]) { client in
                _ = try await client.command("SCRIPT", "FLUSH")
                await client.submitInOrder((0..<50).map { batch in [append(batch, to: "own\(batch)")] })
                #expect(await client.reloads == 1)
                for batch in 0..<50 { #expect(try await list("own\(batch)", client) == [Int64(batch)]) }
            }
        }
    }

    @Test func aCallBehindAnotherTimesOutUnsent() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url, scripts: [Self.append]) { client in
                _ = try await client.command("PING")
                try await withClient(server.url) { other in
                    _ = try await other.command("CLIENT", "PAUSE", "30000", "WRITE")
                    async let first = client.evaluate([append(1, to: "k")], timeout: nil)
                    while await client.isIdle { await Task.yield() }
                    let second = await client.evaluate([append(2, to: "k")], timeout: .milliseconds(50))
                    let late = try failure(of: second.first)
                    #expect(late.transport?.code == .timedOut && !late.mayHaveBeenSent)

                    let third = Task { await client.evaluate([append(3, to: "k"), append(4, to: "k")], timeout: nil) }
                    while await client.openEvaluations < 2 { await Task.yield() }
                    third.cancel()
                    for result in await third.value {
                        let error = try failure(of: result)
                        #expect(error.transport?.code == .cancelled && !error.mayHaveBeenSent)
                    }
                    async let fourth = client.evaluate([append(5, to: "k")], timeout: nil)
                    _ = try await other.command("CLIENT", "UNPAUSE")
                    #expect(try await first.first?.get().int == 1)
                    #expect(try await fourth.first?.get().int == 5)
                    #expect(try await list("k", client) == [1, 5])
                    #expect(await client.isIdle)
                }
            }
        }
    }

    @Test func aDeadServerFailsCallsAndFreesTheirKeys() async throws {
        let port = try RedisProcess.freePort()
        try await withClient("redis://127.0.0.1:\(port)", scripts: [Self.append]) { client in
            try await RedisProcess.run(port: port) { server in
                _ = try await client.command("PING")
                await server.kill()
                for result in await client.evaluate([append(1, to: "k"), append(2, to: "k")]) {
                    #expect(try failure(of: result).code == .transport)
                }
                #expect(await client.isIdle)
            }
        }
    }

    @Test func callsThatCannotBeWrittenFailAlone() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url, scripts: [Self.append]) { client in
                let long = ByteBuffer(repeating: 0, count: 64 << 20)
                let huge = RedisCall(
                    script: Self.append, keys: ["k"], arguments: Array(repeating: .bytes(long), count: 9))
                // Half a gigabyte is read before it is refused, which takes a busy machine longer than a call may take.
                let results = await client.evaluate([huge, append(1, to: "k")], timeout: nil)
                let error = try failure(of: results[0])
                #expect(error.code == .invalidCommand)
                #expect(try results[1].get().int == 1)
            }
        }
    }

    @Test func callsThatFindNoRoomFailAlone() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url, scripts: [Self.append]) { client in
                var batch = RedisCallBatch(reserving: 3, limit: 400)
                batch.append(append(1, to: "k"))
                batch.append(RedisCall(command: "ECHO", keys: [String(repeating: "x", count: 400)]))
                batch.append(append(2, to: "k"))
                let replies = await client.evaluate(batch, timeout: .seconds(30)) { _, _ in true }
                let error = try failure(of: replies[1])
                #expect(error.code == .invalidCommand)
                #expect(try replies[0].get().int == 1)
                #expect(try replies[2].get().int == 2)
                #expect(await client.isIdle)
            }
        }
    }
}

extension RedisClient {
    fileprivate var isIdle: Bool { keyOrder.isEmpty && evaluations.isEmpty }

    fileprivate var openEvaluations: Int { evaluations.count }

    /// Takes all scripts away and brings one back, again and again, until there is a key of the name.
    fileprivate func flushAndLoad(_ script: RedisScript, until key: String) async throws -> Int {
        var rounds = 0
        while try await command("EXISTS", key).int == 0 {
            _ = try await command("SCRIPT", "FLUSH")
            _ = try await command("SCRIPT", "LOAD", script.source)
            rounds += 1
        }
        return rounds
    }

    /// Starts a batch after the other without waiting between, and waits for all; each call must succeed.
    ///
    /// The tasks inherit this actor, whose executor runs them in the order of their making.
    fileprivate func submitInOrder(_ batches: [[RedisCall]]) async {
        let tasks = batches.map { calls in
            Task { await self.evaluate(calls, timeout: .seconds(30)) }
        }
        for task in tasks {
            for result in await task.value {
                if case .failure(let error) = result { Issue.record(error) }
            }
        }
    }
}
