import Beanstalk
import DelayQueue
import DelayQueueTestKit
import HiredisClient
import Testing

/// A server that loses its scripts again and again.
@Suite(.timeLimit(.minutes(4))) struct RedisLedgerFlushTests {
    private let a = ClaimOwner.random()
    private let b = ClaimOwner.random()

    private func job(_ name: String) -> LedgerKey {
        LedgerKey(queue: .default, id: JobID(unchecked: name))
    }

    /// Somebody takes the scripts away without pause while jobs are claimed, settled and forgotten, each in one batch and
    /// by several at a time: every request is answered, and none is performed twice or out of its order. Where another's
    /// repeated call brings the script back in the middle of a batch, a request may have been overtaken by a later one of
    /// its key: it says that it was not performed, and that is rare.
    @Test func losesAndRepeatsNothingUnderConstantFlushesOfScripts() async throws {
        try await withRedis { server in
            var configuration = RedisLedgerConfiguration()
            configuration.timeout = .seconds(60)
            let ledger = try RedisLedger(server.url, configuration: configuration)
            let other = try RedisLedger(server.url)
            async let flushes = flush(other.client, until: "stop")
            let overtaken = try await withThrowingTaskGroup(of: Int.self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        var overtaken = 0
                        for round in 0..<40 {
                            let jobs = (0..<10).map { job("\(worker).\(round).\($0)") }
                            let requests = jobs.flatMap { key in
                                [
                                    LedgerRequest(key: key, operation: .claim(a)),
                                    LedgerRequest(key: key, operation: .claim(b)),
                                    LedgerRequest(key: key, operation: .retry(a, attempt: 1, delay: .zero)),
                                    LedgerRequest(key: key, operation: .claim(b)),
                                    LedgerRequest(key: key, operation: .complete(b, attempt: 2, copies: 2)),
                                    LedgerRequest(key: key, operation: .forget([1], of: 2)),
                                ]
                            }
                            let results = await ledger.perform(requests)
                            for start in stride(from: 0, to: results.count, by: 6) {
                                let errors = results[start..<start + 6].compactMap {
                                    if case .failure(let error) = $0 { error } else { nil }
                                }
                                if !errors.isEmpty {
                                    #expect(errors.allSatisfy { $0.isRetriable && "\($0)".contains("NOSCRIPT") })
                                    overtaken += 1
                                    continue
                                }
                                var job = try results[start..<start + 6].map { try $0.get() }
                                guard case .held = job.remove(at: 1) else {
                                    Issue.record("\(results[start + 1]) while another has the claim")
                                    continue
                                }
                                #expect(
                                    job == [
                                        .granted(attempt: 1, failures: 0), .settled,
                                        .granted(attempt: 2, failures: 1), .settled, .forgotten,
                                    ])
                            }
                        }
                        return overtaken
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(overtaken < 320)
            _ = try await ledger.client.command("SET", "stop", "1")
            #expect(try await flushes > 3)
            let statistics = try await ledger.client.command("INFO", "commandstats").string ?? ""
            #expect(statistics.contains("cmdstat_eval:"))
            await other.close()
            await ledger.close()
        }
    }

    private func flush(_ client: RedisClient, until key: String) async throws -> Int {
        var rounds = 0
        while try await client.command("EXISTS", key).int == 0 {
            _ = try await client.command("SCRIPT", "FLUSH")
            rounds += 1
        }
        return rounds
    }
}
