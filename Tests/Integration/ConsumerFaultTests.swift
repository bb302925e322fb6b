import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import NIOCore
import Testing

@Suite("Consumer faults", .serialized, .timeLimit(.minutes(4)))
struct ConsumerFaultTests {
    // MARK: Dropped jobs

    private struct HandlerFailed: Error {}

    /// Schedules one job, loses it in some way, and takes it again.
    private func redelivery(
        _ lose: @escaping @Sendable (Consumer) async throws -> Void,
        expecting check: (Job) -> Void = { again in
            #expect(again.attempt == 2)
            #expect(again.failures == 0)
        }
    ) async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                try await producer.delay(.zero, "x")
                try await lose(consumer)
                var iterator = consumer.makeAsyncIterator()
                let again = try #require(try await iterator.next())
                #expect(again.text == "x")
                check(again)
                try await again.complete()
                try await scenario.nodesAreEmpty(after: consumer)
            }
        }
    }

    @Test func `a job lost by a thrown error comes again at once`() async throws {
        try await redelivery { consumer in
            await #expect(throws: HandlerFailed.self) {
                for try await _ in consumer { throw HandlerFailed() }
            }
        }
    }

    @Test func `a job lost by break comes again at once`() async throws {
        try await redelivery { consumer in
            for try await job in consumer {
                #expect(job.attempt == 1)
                break
            }
        }
    }

    @Test func `a job lost in a filter comes again at once`() async throws {
        try await redelivery { consumer in
            // The filter drops the first run; the second one, which it lets through, is dropped by leaving the loop.
            // Only then may a third come, so the attempts tell that no run was lost or completed on the way.
            var attempts: [Int] = []
            for try await job in consumer.filter({ $0.attempt > 1 }) {
                attempts.append(job.attempt)
                try await job.retry(after: .zero)
                break
            }
            #expect(attempts == [2])
        } expecting: { again in
            #expect(again.attempt == 3)
            #expect(again.failures == 1)
        }
    }

    @Test func `a job found by first(where:) and dropped comes again at once`() async throws {
        try await redelivery { consumer in
            let job = try await consumer.first { $0.text == "x" }
            #expect(job?.attempt == 1)
        }
    }

    @Test func `jobs lost in a cancelled task group come again at once`() async throws {
        try await redelivery { consumer in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for try await job in consumer {
                    group.addTask {
                        try await Task.sleep(for: .seconds(3600))
                        try await job.complete()
                    }
                    break
                }
                group.cancelAll()
                while let result = await group.nextResult() {
                    #expect(throws: CancellationError.self) { try result.get() }
                }
            }
        }
    }

    // MARK: Retry

    @Test func `the handler form completes what returns and retries what throws, until it is given up`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer {
                $0.retryPolicy.maximumFailures = 3
                $0.retryPolicy.initialDelay = .milliseconds(20)
                $0.retryPolicy.jitter = 0
            }
            try await scenario.closing(producer, consumer) {
                let poison = try await producer.delay(.zero, "poison")
                try await producer.delay(.zero, "flaky")
                try await producer.delay(.zero, "good")
                let tally = Tally()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        try await consumer.run(concurrency: 4) { job in
                            tally.record(job)
                            if job.text == "poison" || (job.text == "flaky" && job.failures == 0) {
                                throw HandlerFailed()
                            }
                        }
                    }
                    try await scenario.eventually {
                        // The copies of the one dead job, and no others.
                        var counts: [Int] = []
                        for node in scenario.nodes.indices {
                            counts.append(try await scenario.delayedCount(on: node))
                            counts.append(try await scenario.jobCount(on: node))
                        }
                        return counts == Array(repeating: 1, count: 6)
                    }
                    await consumer.finish()
                    try await group.waitForAll()
                }
                #expect(tally.runs.filter { $0.text == "poison" }.map(\.attempt) == [1, 2, 3])
                #expect(tally.runs.filter { $0.text == "flaky" }.map(\.attempt) == [1, 2])
                #expect(tally.runs.filter { $0.text == "good" }.map(\.attempt) == [1])
                let state = try await scenario.ledger.perform(
                    LedgerRequest(key: poison.ledgerKey, operation: .status))
                #expect(state == .finished(.dead))
            }
        }
    }

    @Test func `retry(after:) waits its time`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                for delay in [Duration.milliseconds(300), .milliseconds(2500)] {
                    try await producer.delay(.zero, "x")
                    var iterator = consumer.makeAsyncIterator()
                    try await #require(try await iterator.next()).retry(after: delay)
                    let clock = ContinuousClock()
                    let start = clock.now
                    let again = try #require(try await iterator.next())
                    // Measured from after the ledger had it, so a little less than the delay.
                    #expect(clock.now - start > delay - .milliseconds(100))
                    #expect(again.failures == 1)
                    try await again.complete()
                }
            }
        }
    }

    // MARK: Nodes and ledger away

    @Test func `a node that dies and comes back with its log loses and repeats nothing`() async throws {
        try await Scenario.run(binlog: true) { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                let results = await producer.schedule(
                    (0..<200).map { JobRequest(delay: .milliseconds(300 + $0 * 10), "\($0)") })
                let scheduled = Set(try results.map { try $0.get().jobID })
                let tally = Tally()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for try await job in consumer {
                            try await job.complete()
                            tally.record(job)
                        }
                    }
                    try await scenario.eventually { tally.runs.count >= 50 }
                    await scenario.cluster.nodes[0].kill()
                    try await scenario.eventually { tally.runs.count >= 100 }
                    try await scenario.cluster.nodes[0].restart()
                    try await scenario.eventually { tally.runs.count >= 200 }
                    try await scenario.nodesAreEmpty()
                    await consumer.finish()
                    try await group.waitForAll()
                }
                #expect(Set(tally.runs.map(\.id)) == scheduled)
                #expect(tally.runs.count == 200)
            }
        }
    }

    @Test func `a hung node stops nothing`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                _ = await producer.schedule((0..<100).map { JobRequest(delay: .milliseconds(300 + $0 * 5), "\($0)") })
                try await scenario.cluster.nodes[1].suspend()
                let tally = Tally()
                for try await job in consumer {
                    try await job.complete()
                    if tally.record(job) == 100 { break }
                }
                try await scenario.cluster.nodes[1].resume()
                #expect(tally.countsByID.values.allSatisfy { $0 == 1 })
            }
        }
    }

    @Test(arguments: [true, false])
    func `while Redis is away nothing runs twice and nothing is lost`(isHung: Bool) async throws {
        try await Scenario.run(appendOnly: true) { scenario in
            let redis = try #require(scenario.cluster.redis)
            let producer = try scenario.producer()
            let consumers = [try scenario.consumer(), try scenario.consumer()]
            try await scenario.closing(producer, consumers[0], consumers[1]) {
                let results = await producer.schedule(
                    (0..<100).map { JobRequest(delay: .milliseconds(200 + $0 * 20), "\($0)") })
                let scheduled = Set(try results.map { try $0.get().jobID })
                let tally = Tally()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for consumer in consumers {
                        group.addTask {
                            for try await job in consumer {
                                tally.record(job)
                                try await job.complete()
                            }
                        }
                    }
                    try await scenario.eventually { tally.runs.count >= 20 }
                    if isHung { try await redis.suspend() } else { await redis.kill() }
                    // Every job has fallen due by then.
                    try await Task.sleep(for: .seconds(10))
                    if isHung { try await redis.resume() } else { try await redis.restart() }
                    try await scenario.eventually { tally.countsByID.count == 100 }
                    try await scenario.nodesAreEmpty()
                    for consumer in consumers { await consumer.finish() }
                    try await group.waitForAll()
                }
                #expect(Set(tally.runs.map(\.id)) == scheduled)
                #expect(tally.runs.count == 100)
            }
        }
    }

    @Test func `a ledger with a wrong password ends the stream with an error`() async throws {
        var options = RedisOptions()
        options.password = "secret"
        try await withRedis(options: options) { redis in
            let ledger = try RedisLedger("redis://:wrong@127.0.0.1:\(redis.port)", logger: Scenario.logger)
            try await Scenario.run { scenario in
                let consumer = try scenario.consumer(ledger: ledger)
                try await scenario.closing(nil, consumer) {
                    // At once, without waiting for a job.
                    let error = await #expect(throws: DelayQueueError.self) {
                        for try await _ in consumer { Issue.record("nothing may run") }
                    }
                    #expect(error?.code == .ledgerMisconfigured)
                    #expect(
                        error?.description.contains("wrong") == false || error?.description.contains(":wrong@") == false
                    )
                }
            }
            await ledger.close()
        }
    }
}
