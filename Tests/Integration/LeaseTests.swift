import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import Logging
import NIOCore
import TestSupport
import Testing

@Suite("Leases", .serialized, .timeLimit(.minutes(4)))
struct LeaseTests {
    @Test func `a lost lease is told to the job and cancels the handler, and another consumer runs it`() async throws {
        try await Scenario.run { scenario in
            let redis = try #require(scenario.cluster.redis)
            try await withFaultProxy(to: redis.port) { proxy in
                let cutOff = try RedisLedger(redis.url(through: proxy.port), logger: Scenario.logger)
                let producer = try scenario.producer()
                let log = LogCapture()
                let first = try scenario.consumer(ledger: cutOff, logger: log.logger) { $0.timing.lease = .seconds(1) }
                let second = try scenario.consumer { $0.timing.lease = .seconds(1) }
                try await scenario.closing(producer, first, second) {
                    try await producer.delay(.zero, "x")
                    let tally = Tally()
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            try await first.run(concurrency: 1) { job in
                                tally.record(job)
                                await proxy.set(.stall())
                                do {
                                    try await Task.sleep(for: .seconds(3600))
                                } catch {
                                    #expect(job.isLeaseLost)
                                    await first.finish()
                                    throw error
                                }
                            }
                        }
                        try await scenario.eventually { tally.runs.count == 1 }
                        var iterator = second.makeAsyncIterator()
                        let again = try #require(try await iterator.next())
                        #expect(again.attempt == 2)
                        #expect(again.failures == 0 && again.endedLeases == 1)
                        try await again.complete()
                        // Let the first consumer's settling find out.
                        await proxy.set(.none)
                        try await group.waitForAll()
                        #expect(
                            log.entries.filter {
                                $0.message == "the lease of a running job was lost; another consumer may run it too"
                                    && $0.metadata["dq.job"] == "\(again.id)" && $0.level == .warning
                            }.count == 1)
                    }
                }
                await cutOff.close()
            }
        }
    }

    @Test func `a lost lease ends one handler only: the same consumer goes on, with tasks that are not cancelled`()
        async throws
    {
        try await Scenario.run { scenario in
            let redis = try #require(scenario.cluster.redis)
            try await withFaultProxy(to: redis.port) { proxy in
                let cutOff = try RedisLedger(redis.url(through: proxy.port), logger: Scenario.logger)
                let producer = try scenario.producer()
                let consumer = try scenario.consumer(ledger: cutOff) { $0.timing.lease = .seconds(1) }
                try await scenario.closing(producer, consumer) {
                    try await producer.delay(.zero, "x")
                    let tally = Tally()
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            // One at a time: whoever runs the next job takes the place of the cancelled one.
                            try await consumer.run(concurrency: 1) { job in
                                tally.record(job)
                                guard job.text == "x", job.attempt == 1 else {
                                    #expect(!Task.isCancelled)
                                    return
                                }
                                await proxy.set(.stall())
                                await #expect(throws: CancellationError.self) {
                                    try await Task.sleep(for: .seconds(3600))
                                }
                                #expect(job.isLeaseLost)
                                await proxy.set(.none)
                                throw CancellationError()
                            }
                        }
                        try await scenario.eventually { tally.runs.contains { $0.text == "x" && $0.attempt == 2 } }
                        try await producer.delay(.zero, "y")
                        try await scenario.eventually { tally.runs.contains { $0.text == "y" } }
                        try await scenario.nodesAreEmpty()
                        await consumer.finish()
                        try await group.waitForAll()
                    }
                    #expect(tally.runs.map(\.text) == ["x", "x", "y"])
                }
                await cutOff.close()
            }
        }
    }

    @Test func `a handler that cancels its own task ends nothing but itself`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                for index in 0..<3 { try await producer.delay(.zero, "\(index)") }
                let tally = Tally()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        try await consumer.run(concurrency: 1) { job in
                            #expect(!Task.isCancelled)
                            tally.record(job)
                            withUnsafeCurrentTask { $0?.cancel() }
                        }
                    }
                    try await scenario.nodesAreEmpty()
                    await consumer.finish()
                    try await group.waitForAll()
                }
                #expect(Set(tally.runs.map(\.text)) == ["0", "1", "2"])
            }
        }
    }

    @Test func `a handler much longer than the lease keeps its job`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let first = try scenario.consumer { $0.timing.lease = .seconds(2) }
            let second = try scenario.consumer { $0.timing.lease = .seconds(2) }
            try await scenario.closing(producer, first, second) {
                try await producer.delay(.zero, "x")
                let tally = Tally()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for consumer in [first, second] {
                        group.addTask {
                            for try await job in consumer {
                                tally.record(job)
                                // Three leases long: what is under test is time itself.
                                try await Task.sleep(for: .seconds(6))
                                #expect(!job.isLeaseLost)
                                try await job.complete()
                            }
                        }
                    }
                    try await scenario.nodesAreEmpty()
                    for consumer in [first, second] { await consumer.finish() }
                    try await group.waitForAll()
                }
                #expect(tally.runs.count == 1)
            }
        }
    }
}
