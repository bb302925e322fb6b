import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import HiredisClient
import Logging
import NIOCore
import NIOPosix
import Testing

/// Servers that are up and do not serve as they should: full, forgetful, or asked for very long.
@Suite("Servers in trouble", .serialized, .timeLimit(.minutes(12)))
struct ServerTroubleTests {
    // MARK: Redis

    private func withRedisClient<R>(_ scenario: Scenario, _ body: (RedisClient) async throws -> R) async throws -> R {
        let redis = try #require(scenario.cluster.redis)
        let client = try RedisClient(
            url: RedisURL(parsing: redis.url), eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            logger: Scenario.logger)
        let result: Result<R, any Error>
        do {
            result = .success(try await body(client))
        } catch {
            result = .failure(error)
        }
        await client.close()
        return try result.get()
    }

    @Test func `scripts flushed all the time lose and repeat nothing`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                try await withRedisClient(scenario) { redis in
                    let results = await producer.schedule(
                        (0..<300).map { JobRequest(delay: .milliseconds(5 * $0), "\($0)") })
                    let scheduled = Set(try results.map { try $0.get().jobID })
                    let tally = Tally()
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            for try await job in consumer {
                                tally.record(job)
                                try await job.complete()
                            }
                        }
                        var flushes = 0
                        while tally.runs.count < 300 {
                            _ = try await redis.command("SCRIPT", "FLUSH")
                            flushes += 1
                        }
                        #expect(flushes > 10)
                        try await scenario.nodesAreEmpty()
                        await consumer.finish()
                        try await group.waitForAll()
                    }
                    #expect(Set(tally.runs.map(\.id)) == scheduled && tally.runs.count == 300)
                }
            }
        }
    }

    @Test func `a full Redis lets running jobs end, starts none, and goes on when it has room`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                try await withRedisClient(scenario) { redis in
                    try await producer.delay(.zero, "before")
                    var iterator = consumer.makeAsyncIterator()
                    let before = try #require(try await iterator.next())
                    // Less than it has. Were it filled up, it would have room again as soon as a buffer shrinks.
                    _ = try await redis.command("CONFIG", "SET", "maxmemory", "1")
                    try await before.complete()
                    try await producer.delay(.zero, "while")
                    let tally = Tally()
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            for try await job in consumer {
                                tally.record(job)
                                try await job.complete()
                            }
                        }
                        // Claims are refused, and the copies stay reserved.
                        let refusals = try await errorCount(redis)
                        try await scenario.eventually { try await errorCount(redis) > refusals + 2 }
                        #expect(tally.runs.isEmpty)
                        _ = try await redis.command("CONFIG", "SET", "maxmemory", "0")
                        try await scenario.eventually { tally.runs.count == 1 }
                        #expect(tally.runs.map(\.text) == ["while"])
                        group.cancelAll()
                    }
                }
            }
        }
    }

    private func errorCount(_ redis: RedisClient) async throws -> Int {
        let text = try await redis.command("INFO", "errorstats").string ?? ""
        for line in text.split(whereSeparator: \.isNewline) where line.hasPrefix("errorstat_OOM:count=") {
            return Int(line.dropFirst("errorstat_OOM:count=".count)) ?? 0
        }
        return 0
    }

    @Test func `a job that ends every process that runs it is given up`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                let receipt = try await producer.delay(.zero, "poison")
                let key = LedgerKey(queue: scenario.nodes[0].tube, id: receipt.jobID)
                var timing = LedgerTiming()
                timing.lease = .milliseconds(100)
                // Five processes claim it and are never heard of again; in three of them it is alone.
                for attempt in 1...5 {
                    let claim = LedgerRequest.Operation.claim(.random(), attempt > 2 ? .alone : .creating)
                    let reply = try await scenario.ledger.perform(
                        LedgerRequest(key: key, operation: claim, timing: timing))
                    guard case .granted(attempt: attempt, _) = reply else {
                        Issue.record("\(reply)")
                        return
                    }
                    let end = LedgerRequest(key: key, operation: .endLease(.random(), attempt: attempt, delay: .zero))
                    try await scenario.eventually {
                        if case .waiting = try await scenario.ledger.perform(end) { true } else { false }
                    }
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for try await job in consumer { Issue.record("attempt \(job.attempt) was delivered") }
                    }
                    try await scenario.eventually {
                        let status = LedgerRequest(key: key, operation: .status)
                        return try await scenario.ledger.perform(status) == .finished(.dead)
                    }
                    group.cancelAll()
                }
                for node in scenario.nodes.indices { #expect(try await scenario.jobCount(on: node) == 1) }
            }
        }
    }

    // MARK: Long runs

    /// Longer than lease and time to run; `DQ_LONG_HANDLER=600 ./dev test --filter ServerTrouble` for a longer one.
    private static let handlerSeconds =
        ProcessInfo.processInfo.environment["DQ_LONG_HANDLER"].flatMap { Int($0) } ?? 13

    @Test func `a long handler keeps its job, and consumers beside it write nothing to the nodes' logs`() async throws {
        try await Scenario.run(binlog: true) { scenario in
            let producer = try scenario.producer()
            let consumers = try (0..<3).map { _ in try scenario.consumer { $0.timing.lease = .seconds(5) } }
            try await scenario.closing(producer, consumers[0], consumers[1], consumers[2]) {
                var options = JobOptions()
                options.timeToRun = .seconds(10)
                try await producer.delay(.zero, "long", options: options)
                let tally = Tally()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for consumer in consumers {
                        group.addTask {
                            try await consumer.run(concurrency: 1) { job in
                                tally.record(job)
                                try await Task.sleep(for: .seconds(Self.handlerSeconds))
                                #expect(!job.isLeaseLost)
                            }
                        }
                    }
                    try await scenario.eventually { tally.runs.count == 1 }
                    let before = try await recordsWritten(scenario)
                    try await Task.sleep(for: .seconds(Self.handlerSeconds - 1))
                    let after = try await recordsWritten(scenario)
                    // A constant: the copies the others found are released once at most, whatever the time.
                    for (before, after) in zip(before, after) { #expect(after - before <= 4) }
                    try await scenario.nodesAreEmpty()
                    for consumer in consumers { await consumer.finish() }
                    try await group.waitForAll()
                }
                #expect(tally.runs.map(\.attempt) == [1])
            }
        }
    }

    private func recordsWritten(_ scenario: Scenario) async throws -> [Int] {
        var counts: [Int] = []
        for node in scenario.nodes.indices {
            let text = try await scenario.withConnection(to: node) { try await $0.stats()["binlog-records-written"] }
            counts.append(Int(text ?? "") ?? 0)
        }
        return counts
    }

    // MARK: Full disk

    @Test(.enabled("mounting a small file system needs root on Linux") { await SmallFileSystem.isPossible })
    func `a node whose disk is full refuses copies, and its own jobs run all the same`() async throws {
        try await SmallFileSystem.mounted(bytes: 2 << 20) { folder in
            var options = BeanstalkdOptions()
            options.extraArguments = ["-b", folder, "-f", "0", "-s", "262144"]
            try await withBeanstalkd(options: options) { full in
                try await Scenario.run(nodes: 2, binlog: true) { scenario in
                    let tube = scenario.tube
                    let nodes = scenario.nodes + [try BeanstalkNode(full.address, tube: tube)]
                    let scenario = Scenario(
                        cluster: scenario.cluster, nodes: nodes, ledger: scenario.ledger, tube: tube)
                    let producer = try scenario.producer()
                    let consumer = try scenario.consumer()
                    try await scenario.closing(producer, consumer) {
                        let early = try await producer.delay(.milliseconds(1500), "early")
                        #expect(early.placements.count == 3)
                        try await fillDisk(scenario, node: 2)
                        let second = try await producer.delay(.milliseconds(1500), "second")
                        #expect(second.placements.count == 2)
                        // A retry later than what is held here goes back to the nodes; the full one cannot take it.
                        var texts: [String] = []
                        for try await job in consumer {
                            texts.append("\(job.text) \(job.attempt)")
                            if job.attempt == 1 {
                                try await job.retry(after: .seconds(3))
                            } else {
                                try await job.complete()
                            }
                            if texts.count == 4 { break }
                        }
                        #expect(texts.sorted() == ["early 1", "early 2", "second 1", "second 2"])
                    }
                }
            }
        }
    }

    /// Puts jobs nobody waits for until the node refuses.
    private func fillDisk(_ scenario: Scenario, node: Int) async throws {
        try await scenario.withConnection(to: node) { connection in
            try await connection.use(TubeName(validating: "filler"))
            for size in [60_000, 5_000, 300, 20] {
                while true {
                    do throws(BeanstalkError) {
                        _ = try await connection.put(
                            ByteBuffer(repeating: 0x78, count: size), priority: 1, delay: 3600, timeToRun: 60,
                            timeout: .seconds(10))
                    } catch {
                        #expect(error.code == .outOfMemory)
                        break
                    }
                }
            }
        }
    }
}
