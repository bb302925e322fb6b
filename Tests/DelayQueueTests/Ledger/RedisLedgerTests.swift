import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import HiredisClient
import Logging
import TestSupport
import Testing

/// What only a real server shows: its clock, its limits, its refusals.
@Suite(.timeLimit(.minutes(4))) struct RedisLedgerTests {
    private let a = ClaimOwner.random()
    private let b = ClaimOwner.random()

    private func job(_ name: String = "job") -> LedgerKey {
        LedgerKey(queue: .default, id: JobID(unchecked: name))
    }

    private func shortTiming() -> LedgerTiming {
        var timing = LedgerTiming()
        timing.lease = .milliseconds(40)
        timing.timeToRun = .milliseconds(40)
        timing.grace = .zero
        return timing
    }

    /// Asks again until the answer is another than at first; the suite's time limit ends a wait in vain.
    private func askUntilChanged(
        _ ledger: RedisLedger, _ request: LedgerRequest, while isUnchanged: (LedgerReply) -> Bool
    ) async throws -> LedgerReply {
        while true {
            let reply = try await ledger.perform(request)
            guard isUnchanged(reply) else { return reply }
            try Task.checkCancellation()
        }
    }

    @Test func leaseEndsByTheServersClock() async throws {
        try await withRedis { server in
            let ledger = try RedisLedger(server.url)
            let timing = shortTiming()
            let first = LedgerRequest(key: job(), operation: .claim(a), timing: timing)
            let second = LedgerRequest(key: job(), operation: .claim(b), timing: timing)
            let clock = ContinuousClock()
            let start = clock.now
            #expect(try await ledger.perform(first) == .granted(attempt: 1, failures: 0))
            let reply = try await askUntilChanged(ledger, second) {
                if case .held(let remaining) = $0 { remaining <= timing.lease } else { false }
            }
            #expect(reply == .ended(attempt: 1, failures: JobFailures(errors: 0, endedLeases: 1)))
            #expect(clock.now - start >= timing.lease)
            await ledger.close()
        }
    }

    @Test func requestsOfABatchHaveTimesOfTheirOwn() async throws {
        try await withRedis { server in
            let ledger = try RedisLedger(server.url)
            let graces = [300, 400, 400, 300, 500].map { Duration.seconds($0) }
            var requests: [LedgerRequest] = []
            for (index, grace) in graces.enumerated() {
                var timing = LedgerTiming()
                timing.grace = grace
                timing.retention = grace * 10
                let key = job("job\(index)")
                requests.append(LedgerRequest(key: key, operation: .claim(a), timing: timing))
                requests.append(LedgerRequest(key: key, operation: .complete(a, attempt: 1, copies: 3), timing: timing))
                guard index > 0 else { continue }
                requests.append(LedgerRequest(key: key, operation: .forget([0, 1, 2], of: 3), timing: timing))
            }
            for result in await ledger.perform(requests) { _ = try result.get() }
            for (index, grace) in graces.enumerated() {
                let lifetime = try #require(
                    try await ledger.client.command("PTTL", job("job\(index)").description).int)
                let expected = index > 0 ? grace : grace * 10
                #expect(.milliseconds(lifetime) <= expected)
                #expect(.milliseconds(lifetime) > expected - .seconds(60))
            }
            // None of it left anything that another request is written with.
            let later = try await ledger.perform(LedgerRequest(key: job("job0"), operation: .claim(b)))
            #expect(later == .finished(.done))
            await ledger.close()
        }
    }

    @Test func recordRunsOutAfterTheGrace() async throws {
        try await withRedis { server in
            let ledger = try RedisLedger(server.url)
            let timing = shortTiming()
            let operations: [LedgerRequest.Operation] = [
                .claim(a), .complete(a, attempt: 1, copies: 1), .forget([0], of: 1),
            ]
            let requests = operations.map { LedgerRequest(key: job(), operation: $0, timing: timing) }
            let replies = try await ledger.perform(requests).map { try $0.get() }
            #expect(replies == [.granted(attempt: 1, failures: 0), .settled, .forgotten])
            let again = LedgerRequest(key: job(), operation: .claim(b), timing: timing)
            #expect(
                try await askUntilChanged(ledger, again) { $0 == .finished(.done) } == .granted(attempt: 1, failures: 0)
            )
            await ledger.close()
        }
    }

    @Test func fullServerRefusesOnlyNewRecords() async throws {
        var options = RedisOptions()
        options.maxMemoryPolicy = "noeviction"
        try await withRedis(options: options) { server in
            let ledger = try RedisLedger(server.url)
            func ask(_ name: String, _ operation: LedgerRequest.Operation) async throws -> LedgerReply {
                try await ledger.perform(LedgerRequest(key: job(name), operation: operation))
            }
            let names = ["complete", "retry", "release", "bury", "renew", "forget", "takeOver"]
            for name in names { _ = try await ask(name, .claim(a)) }
            _ = try await ask("forget", .complete(a, attempt: 1, copies: 2))
            _ = try await ask("takeOver", .release(a, attempt: 1))
            _ = try await ledger.client.command("CONFIG", "SET", "maxmemory", "1")

            for operation in [
                LedgerRequest.Operation.claim(b), .revoke(fireDate: .distantPast, copies: 1),
                .renew(b, attempt: 1, recreatingWith: 0),
            ] {
                let error = await #expect(throws: DelayQueueError.self) { try await ask("new", operation) }
                #expect(error?.code == .ledgerUnavailable)
                #expect(error?.isRetriable == true)
                #expect((error?.underlying as? RedisError)?.serverPrefix == "OOM")
            }
            #expect(try await ask("complete", .complete(a, attempt: 1, copies: 2)) == .settled)
            #expect(try await ask("retry", .retry(a, attempt: 1, delay: .seconds(1))) == .settled)
            #expect(try await ask("release", .release(a, attempt: 1)) == .settled)
            #expect(try await ask("bury", .bury(a, attempt: 1, DeathReport(reason: "x", consumer: "c"))) == .settled)
            #expect(try await ask("renew", .renew(a, attempt: 1)) == .renewed)
            #expect(try await ask("forget", .forget([0], of: 2)) == .forgotten)
            #expect(try await ask("takeOver", .claim(b)) == .granted(attempt: 2, failures: 0))
            #expect(try await ask("retry", .revoke(fireDate: .distantPast, copies: 2)) == .revoked)
            #expect(try await ask("new", .status) == .absent)
            await ledger.close()
        }
    }

    @Test(arguments: [("allkeys-lru", 1), ("volatile-ttl", 1), ("noeviction", 0)])
    func aServerThatEvictsIsWarnedOf(_ policy: String, _ warnings: Int) async throws {
        var options = RedisOptions()
        options.maxMemoryPolicy = policy
        try await withRedis(options: options) { server in
            let capture = LogCapture()
            let ledger = try RedisLedger(server.url, logger: capture.logger)
            #expect(try await ledger.perform(LedgerRequest(key: job(), operation: .status)) == .absent)
            await ledger.close()
            let entries = capture.entries.filter { $0.level == .warning }
            #expect(entries.count == warnings)
            for entry in entries { #expect(entry.metadata["dq.policy"] == .string(policy)) }
        }
    }

    @Test func wrongTypeIsNeverDone() async throws {
        try await withRedis { server in
            let ledger = try RedisLedger(server.url)
            for key in [job(), LedgerKey(goQueue: JobID(unchecked: "eed9ca1b2163fe2e61f74cd7c1475c7a"))] {
                _ = try await ledger.client.command("RPUSH", key.description, "x")
                for operation in [
                    LedgerRequest.Operation.claim(a), .complete(a, attempt: 1, copies: 1), .status,
                    .revoke(fireDate: .distantPast, copies: 1), .forget([0], of: 2),
                ] {
                    let error = await #expect(throws: DelayQueueError.self) {
                        try await ledger.perform(LedgerRequest(key: key, operation: operation))
                    }
                    #expect(error?.code == .ledgerRecordUnreadable)
                    #expect(error?.message.contains(key.description) == true)
                }
                #expect(try await ledger.client.command("LLEN", key.description).int == 1)
            }
            await ledger.close()
        }
    }

    @Test func unreadableRecordDoesNotStopTheRestOfTheBatch() async throws {
        try await withRedis { server in
            let ledger = try RedisLedger(server.url)
            _ = try await ledger.client.command("SET", job("b").description, "2 frozen")
            let results = await ledger.perform(
                ["a", "b", "c"].map { LedgerRequest(key: job($0), operation: .claim(a)) })
            #expect(try results[0].get() == .granted(attempt: 1, failures: 0))
            #expect(throws: DelayQueueError.self) { try results[1].get() }
            #expect(try results[2].get() == .granted(attempt: 1, failures: 0))
            await ledger.close()
        }
    }

    @Test func lockOfAGoConsumerMeansDone() async throws {
        try await withRedis { server in
            let ledger = try RedisLedger(server.url)
            let key = LedgerKey(goQueue: JobID(unchecked: "eed9ca1b2163fe2e61f74cd7c1475c7a"))
            _ = try await ledger.client.command("SET", key.description, "RDgW3aFAp4UUBmFL", "NX", "PX", "3600500")
            func ask(_ operation: LedgerRequest.Operation) async throws -> LedgerReply {
                try await ledger.perform(LedgerRequest(key: key, operation: operation))
            }
            #expect(try await ask(.claim(a)) == .finished(.done))
            #expect(try await ask(.complete(a, attempt: 1, copies: 0)) == .lost)
            #expect(try await ask(.revoke(fireDate: .distantPast, copies: 0)) == .alreadyDone)
            #expect(try await ask(.forget([0], of: 3)) == .forgotten)
            #expect(try await ask(.status) == .finished(.done))
            #expect(try await ledger.client.command("GET", key.description).string == "RDgW3aFAp4UUBmFL")
            #expect(try await ledger.client.command("PTTL", key.description).int ?? 0 <= 3_600_500)

            // And ours looks taken to a Go consumer, which sets its lock only where there is no key.
            _ = try await ledger.client.command("DEL", key.description)
            #expect(try await ask(.claim(a)) == .granted(attempt: 1, failures: 0))
            #expect(try await ledger.client.command("SET", key.description, "x", "NX", "PX", "3600500").isNull)
            await ledger.close()
        }
    }

    @Test func survivesAFlushOfScripts() async throws {
        try await withRedis { server in
            let ledger = try RedisLedger(server.url)
            #expect(
                try await ledger.perform(LedgerRequest(key: job(), operation: .claim(a)))
                    == .granted(attempt: 1, failures: 0))
            _ = try await ledger.client.command("SCRIPT", "FLUSH")
            let replies = try await ledger.perform([
                LedgerRequest(key: job(), operation: .complete(a, attempt: 1, copies: 2)),
                LedgerRequest(key: job(), operation: .forget([0], of: 2)),
            ]).map { try $0.get() }
            #expect(replies == [.settled, .forgotten])
            await ledger.close()
        }
    }

    /// A command that is no script's call cannot be missed, and has run when a flush is seen.
    @Test func aRequestThatAnotherOvertookInAFlushFailsUnperformed() async throws {
        try await withRedis { server in
            let ledger = try RedisLedger(server.url)
            _ = try await ledger.perform(LedgerRequest(key: job(), operation: .claim(a)))
            _ = try await ledger.client.command("SCRIPT", "FLUSH")
            let complete = LedgerRequest(key: job(), operation: .complete(a, attempt: 1, copies: 1))
            let results = await ledger.perform([
                complete, LedgerRequest(key: job(), operation: .forget([0], of: 1)),
            ])
            let error = #expect(throws: DelayQueueError.self) { try results[0].get() }
            #expect(error?.code == .ledgerUnavailable && error?.isRetriable == true)
            #expect(try results[1].get() == .forgotten)
            guard case .held = try await ledger.perform(LedgerRequest(key: job(), operation: .status)) else {
                Issue.record("completed")
                return
            }
            #expect(try await ledger.perform(complete) == .settled)
            await ledger.close()
        }
    }

    @Test func wrongPasswordIsAConfigurationError() async throws {
        var options = RedisOptions()
        options.password = "secret"
        try await withRedis(options: options) { server in
            let ledger = try RedisLedger("redis://:mistaken@\(server.address)")
            let error = await #expect(throws: DelayQueueError.self) {
                try await ledger.perform(LedgerRequest(key: job(), operation: .status))
            }
            #expect(error?.code == .ledgerMisconfigured)
            #expect(error?.isRetriable == false)
            #expect(error.map { !$0.description.contains("mistaken") } == true)
            await ledger.close()
        }
    }

    @Test func clusterIsAConfigurationError() async throws {
        // Its second port is 10000 above the first, which only Redis 7 can be told otherwise.
        let ports = (10_240..<22_768).shuffled().lazy
        var options = RedisOptions()
        options.port = ports.first { PortReservation.isFree($0) && PortReservation.isFree($0 + 10_000) }
        options.extraArguments = ["--cluster-enabled", "yes"]
        try await withRedis(options: options) { server in
            let ledger = try RedisLedger(server.url)
            let error = await #expect(throws: DelayQueueError.self) {
                try await ledger.perform(LedgerRequest(key: job(), operation: .status))
            }
            #expect(error?.code == .ledgerMisconfigured)
            await ledger.close()
        }
    }

    @Test func replicaIsRetriable() async throws {
        try await withRedis { server in
            let ledger = try RedisLedger(server.url)
            _ = try await ledger.perform(LedgerRequest(key: job(), operation: .status))
            // Of a primary that is not there; stale reads are served, writes are not.
            _ = try await ledger.client.command("REPLICAOF", "127.0.0.1", "1")
            let error = await #expect(throws: DelayQueueError.self) {
                try await ledger.perform(LedgerRequest(key: job(), operation: .claim(a)))
            }
            #expect(error?.code == .ledgerUnavailable)
            #expect(error?.isRetriable == true)
            #expect((error?.underlying as? RedisError)?.serverPrefix == "READONLY")
            _ = try await ledger.client.command("REPLICAOF", "NO", "ONE")
            #expect(
                try await ledger.perform(LedgerRequest(key: job(), operation: .claim(a)))
                    == .granted(attempt: 1, failures: 0))
            await ledger.close()
        }
    }

    @Test func serverOutOfReach() async throws {
        let ledger = try RedisLedger("unix:///nonexistent/redis.sock")
        for _ in 0..<2 {
            let results = await ledger.perform(
                ["a", "b"].map { LedgerRequest(key: job($0), operation: .status) })
            #expect(results.count == 2)
            for result in results {
                guard case .failure(let error) = result else {
                    Issue.record("a reply from nowhere")
                    continue
                }
                #expect(error.code == .ledgerUnavailable)
                #expect(error.isRetriable)
            }
        }
        await ledger.close()
    }

    @Test func cancelledTask() async throws {
        try await withRedis { server in
            let ledger = try RedisLedger(server.url)
            let key = job()
            let task = Task {
                while !Task.isCancelled { await Task.yield() }
                return try await ledger.perform(LedgerRequest(key: key, operation: .status))
            }
            task.cancel()
            let error = await #expect(throws: DelayQueueError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            await ledger.close()
        }
    }

    @Test(arguments: ["", "localhost", "http://localhost", "redis://", "redis://h:99999", "redis://h/x"])
    func badURL(_ url: String) {
        let error = #expect(throws: DelayQueueError.self) { try RedisLedger(url) }
        #expect(error?.code == .invalidConfiguration)
    }
}
