import NIOCore
import PipelinedTransport
import TestSupport
import Testing

@testable import HiredisClient

@Suite(.timeLimit(.minutes(4))) struct RedisScriptTests {
    private static let append = "redis.call('RPUSH', KEYS[1], ARGV[1]) return ARGV[1]"
    private static let length = "return redis.call('LLEN', KEYS[1])"
    private static let scripts = [append, length]

    private func list(_ key: String, _ client: RedisClient) async throws -> [Int64] {
        try await client.command("LRANGE", key, "0", "-1").array?.compactMap(\.int) ?? []
    }

    @Test func callsScripts() async throws {
        let scripts = [
            Self.append, Self.length, "return redis.error_reply('MINE no')", "return {1, {'two', false}}",
        ]
        try await RedisProcess.run { server in
            try await withClient(server.url, scripts: scripts) { client in
                let binary = ByteBuffer(bytes: [0, 13, 10, 255])
                let replies = await client.send(reserving: 5) {
                    $0.call(0, "a", [.bytes(binary)])
                    $0.call(0, "b", ["", "unused"])
                    $0.call(1, "a", [])
                    $0.call(2, "a", [])
                    $0.call(3, "a", [])
                }
                #expect(replies.count == 5)
                let echo = try replies[0].get()
                #expect(echo == .bulk(binary))
                #expect(try replies[1].get().string == "")
                #expect(try replies[2].get().int == 1)
                #expect(try failure(of: replies[3]).serverPrefix == "MINE")
                let two = RedisValue.bulk(ByteBuffer(string: "two"))
                #expect(try replies[4].get() == .array([.integer(1), .array([two, .null])]))
                #expect(await client.isIdle)
            }
        }
    }

    @Test func callsByDigestOnceAServerHasToldIt() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url, scripts: ["return 1"]) { client in
                let call: @Sendable (inout RedisBatch) -> Void = { $0.call(0, "k", []) }
                #expect(String(buffer: await client.written(call)).contains("$4\r\nEVAL\r\n$8\r\nreturn 1\r\n"))
                // Called by its source, as nobody knows better yet.
                #expect(try await client.send(call)[0].get() == .integer(1))
                // From `printf 'return 1' | sha1sum`.
                let digest = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
                #expect(String(buffer: await client.written(call)).contains("$7\r\nEVALSHA\r\n$40\r\n\(digest)\r\n"))
                #expect(try await client.send(call)[0].get() == .integer(1))
                let statistics = try await client.command("INFO", "commandstats").string ?? ""
                #expect(statistics.contains("cmdstat_eval:calls=1,") && statistics.contains("cmdstat_evalsha:calls=1,"))
            }
        }
    }

    @Test func refusesWhatIsNoScript() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url, scripts: ["this is not Lua"]) { client in
                let notLua = try await client.refusal("PING")
                #expect(notLua.serverPrefix == "ERR" && notLua.message.contains("compil"))
            }
        }
    }

    @Test func makesCallsAgainAfterAFlush() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url, scripts: Self.scripts) { client in
                for round in 0..<20 {
                    _ = try await client.command("SCRIPT", "FLUSH")
                    let replies = await client.send(accepts: { tag, _ in tag == 0 }) { batch in
                        for number in 3 * round..<3 * round + 3 { batch.call(0, "k", [.integer(number)]) }
                        batch.call(1, "k", [])
                    }
                    #expect(replies.isSuccess)
                    #expect(try replies[3].get().int == Int64(3 * round + 3))
                }
                #expect(try await list("k", client) == (0..<60).map { Int64($0) })
                #expect(await client.isIdle)
            }
        }
    }

    /// Somebody takes all scripts away without pause, on one connection after the other's call. Callers that wait for
    /// their answers lose none, and none is run twice.
    @Test func losesAndRepeatsNothingUnderConstantFlushes() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url, scripts: Self.scripts) { client in
                try await withClient(server.url) { other in
                    async let flushes = other.flush(until: "stop")
                    await withTaskGroup { group in
                        for caller in 0..<16 {
                            group.addTask {
                                for start in stride(from: 0, to: 480, by: 8) {
                                    let replies = await client.send(timeout: .seconds(60)) { batch in
                                        for number in start..<start + 8 {
                                            batch.call(0, "\(caller).\(number % 2)", [.integer(number)])
                                        }
                                    }
                                    for (index, result) in replies.results.enumerated() {
                                        if case .failure(let error) = result { Issue.record(error) }
                                        #expect((try? result.get().int) == Int64(start + index))
                                    }
                                }
                            }
                        }
                    }
                    _ = try await client.command("SET", "stop", "1")
                    #expect(try await flushes > 3)
                    for caller in 0..<16 {
                        for rest in 0..<2 {
                            let expected = stride(from: Int64(rest), to: 480, by: 2)
                            #expect(try await list("\(caller).\(rest)", client) == Array(expected))
                        }
                    }
                    let statistics = try await client.command("INFO", "commandstats").string ?? ""
                    #expect(statistics.contains("cmdstat_eval:"), "some calls were made again")
                    #expect(await client.isIdle)
                }
            }
        }
    }

    /// Another client takes the scripts away and brings one back all the time, so that calls fail and succeed in turn,
    /// while many batches with the same keys are under way. Every key sees its calls in the order in which they were
    /// handed over, each at most once; those that fail say so, and have not run.
    @Test func keepsTheOrderOfEachKeyAcrossBatches() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url, scripts: Self.scripts) { client in
                try await withClient(server.url) { other in
                    async let rounds = other.flush(until: "stop", loading: Self.append)
                    // Until one has gone by.
                    _ = try await client.command("PING")
                    while try await client.command("EXISTS", "flushed").int == 0 {}
                    var succeeded: [String: [Int64]] = [:]
                    for round in 0..<30 {
                        let numbers = 0..<10
                        let results = await client.sendInOrder(
                            numbers.map { batch in
                                (0..<8).map { ("k\((batch + $0 / 2) % 5)", 80 * round + 8 * batch + $0) }
                            })
                        for (key, number, result) in results {
                            switch result {
                            case .success: succeeded[key, default: []].append(Int64(number))
                            case .failure(let error):
                                #expect(error.serverPrefix == "NOSCRIPT" && error.isRetriable)
                                #expect(!error.isOutcomeUnknown)
                            }
                        }
                    }
                    _ = try await client.command("SET", "stop", "1")
                    #expect(try await rounds > 1)
                    #expect(succeeded.count == 5)
                    for (key, numbers) in succeeded { #expect(try await list(key, client) == numbers, "\(key)") }
                    #expect(await client.isIdle)
                }
            }
        }
    }

    @Test(.enabled(if: RedisProgram.isAtLeast(6, 2))) func aCallIsNotMadeAgainBehindOneThatWasGivenUp() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url, scripts: Self.scripts) { client in
                _ = try await client.command("SCRIPT", "FLUSH")
                try await withClient(server.url) { other in
                    _ = try await other.command("CLIENT", "PAUSE", "30000", "WRITE")
                    async let first = client.send(timeout: nil) {
                        $0.call(0, "k", [1])
                        $0.call(0, "own", [1])
                    }
                    while await client.isIdle { await Task.yield() }
                    let second = await client.send(timeout: .milliseconds(50)) { $0.call(0, "k", [2]) }
                    #expect(try failure(of: second[0]).transport?.code == .timedOut)
                    _ = try await other.command("CLIENT", "UNPAUSE")
                    #expect(try failure(of: await first[0]).serverPrefix == "NOSCRIPT")
                    #expect(try await first[1].get().int == 1)
                    #expect(try await list("k", client) == [])
                    #expect(await client.isIdle)
                }
            }
        }
    }

    @Test(.enabled(if: RedisProgram.isAtLeast(6, 2))) func aTimeoutOrACancellationEndsOneWait() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url, scripts: Self.scripts) { client in
                _ = try await client.command("PING")
                try await withClient(server.url) { other in
                    _ = try await other.command("CLIENT", "PAUSE", "30000", "WRITE")
                    async let first = client.send(timeout: nil) { $0.call(0, "k", [1]) }
                    while await client.isIdle { await Task.yield() }
                    let second = await client.send(timeout: .milliseconds(50)) { $0.call(0, "k", [2]) }
                    let late = try failure(of: second[0])
                    #expect(late.transport?.code == .timedOut && late.isOutcomeUnknown)

                    let third = Task {
                        await client.send(timeout: nil) {
                            $0.call(0, "k", [3])
                            $0.call(0, "k", [4])
                        }
                    }
                    while await client.unanswered < 3 { await Task.yield() }
                    third.cancel()
                    for result in await third.value.results {
                        let error = try failure(of: result)
                        #expect(error.transport?.code == .cancelled && error.isOutcomeUnknown)
                    }
                    let unsent = Task {
                        withUnsafeCurrentTask { $0?.cancel() }
                        return await client.send { $0.call(0, "k", [5]) }
                    }
                    let error = try failure(of: await unsent.value[0])
                    #expect(error.transport?.code == .cancelled && !error.mayHaveBeenSent)
                    async let last = client.send(timeout: nil) { $0.call(0, "k", [6]) }
                    _ = try await other.command("CLIENT", "UNPAUSE")
                    #expect(try await first[0].get().int == 1)
                    #expect(try await last[0].get().int == 6)
                    #expect(try await list("k", client) == [1, 2, 3, 4, 6])
                    #expect(await client.isIdle)
                }
            }
        }
    }

    @Test func aDeadServerFailsCalls() async throws {
        let port = try RedisProcess.freePort()
        try await withClient("redis://127.0.0.1:\(port)", scripts: Self.scripts) { client in
            try await RedisProcess.run(port: port) { server in
                _ = try await client.command("PING")
                await server.kill()
                let replies = await client.send {
                    $0.call(0, "k", [1])
                    $0.call(0, "k", [2])
                }
                for result in replies.results { #expect(try failure(of: result).code == .transport) }
                #expect(await client.isIdle)
            }
        }
    }

    @Test func callsThatCannotBeWrittenFailAlone() async throws {
        try await RedisProcess.run { server in
            try await withClient(server.url, scripts: Self.scripts) { client in
                let long = ByteBuffer(repeating: 0, count: 64 << 20)
                let replies = await client.send(accepts: { tag, _ in tag == 1 }) { batch in
                    batch.command(["MGET"] + Array(repeating: .bytes(long), count: 9))
                    batch.begin(script: 0, key: "k", arguments: 1, tag: 1)
                    batch.append(1)
                    batch.end()
                }
                let refusal = try failure(of: replies[0])
                #expect(refusal.code == .invalidCommand)
                #expect(try replies[1].get().int == 1)
                #expect(await client.isIdle)
            }
        }
    }
}

extension RedisClient {
    /// Takes all scripts away, again and again, until there is a key of a name.
    ///
    /// - Parameter script: is brought back each time.
    /// - Returns: how often.
    fileprivate func flush(until key: String, loading script: String? = nil) async throws -> Int {
        var rounds = 0
        while try await command("EXISTS", key).int == 0 {
            _ = try await command("SCRIPT", "FLUSH")
            if let script { _ = try await command("SCRIPT", "LOAD", script) }
            _ = try await command("SET", "flushed", "1")
            rounds += 1
        }
        return rounds
    }

    /// Starts a batch after the other without waiting between, and waits for all.
    ///
    /// The tasks inherit this actor, whose executor runs them in the order of their making.
    fileprivate func sendInOrder(
        _ batches: [[(key: String, number: Int)]]
    ) async -> [(key: String, number: Int, result: Result<RedisValue, RedisError>)] {
        let tasks = batches.map { calls in
            Task {
                await self.send(timeout: .seconds(30)) { batch in
                    for call in calls { batch.call(0, call.key, [.integer(call.number)]) }
                }
            }
        }
        var results: [(key: String, number: Int, result: Result<RedisValue, RedisError>)] = []
        for (calls, task) in zip(batches, tasks) {
            for (call, result) in zip(calls, await task.value.results) {
                results.append((call.key, call.number, result))
            }
        }
        return results
    }
}
