import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import HiredisClient
import Logging
import NIOCore
import NIOPosix
import Testing

/// Records as go-queue's producer writes them, next to locks as its consumer takes them.
@Suite("go-queue records", .serialized, .timeLimit(.minutes(4)))
struct GoQueueTests {
    /// Writes one record to every node, as go-queue's producer does.
    private func put(_ record: String, in scenario: Scenario) async throws {
        for node in scenario.nodes.indices {
            try await scenario.withConnection(to: node) { connection in
                _ = try await connection.put(
                    ByteBuffer(string: record), priority: 2, delay: 0, timeToRun: 5, timeout: .seconds(5))
            }
        }
    }

    @Test func `a record of go-queue's producer runs once, at its time`() async throws {
        try await Scenario.run { scenario in
            let consumer = try scenario.consumer()
            try await scenario.closing(nil, consumer) {
                let nanoseconds = Int64(Date(timeIntervalSinceNow: 0.4).timeIntervalSince1970 * 1_000_000) * 1000 + 137
                try await put("\(nanoseconds)/hello / go", in: scenario)
                var iterator = consumer.makeAsyncIterator()
                let job = try #require(try await iterator.next())
                #expect(job.text == "hello / go")
                #expect(Timestamp.now().microseconds * 1000 >= nanoseconds)
                try await job.complete()
                try await scenario.nodesAreEmpty(after: consumer)
            }
        }
    }

    @Test func `a record a go-queue consumer has locked does not run, and goes`() async throws {
        try await Scenario.run { scenario in
            let consumer = try scenario.consumer()
            try await scenario.closing(nil, consumer) {
                let record = "1795406494393289713/1000"
                let redis = try RedisClient(
                    url: try RedisURL(parsing: try #require(scenario.cluster.redis).url),
                    eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Scenario.logger)
                // The key and the kind of value recorded from the real program.
                _ = try await redis.command(
                    "SET", "eed9ca1b2163fe2e61f74cd7c1475c7a", "RDgW3aFAp4UUBmFL", "NX", "PX", "3600500")
                try await put(record, in: scenario)
                try await scenario.nodesAreEmpty(after: consumer)
                await redis.close()
            }
        }
    }

    @Test func `a producer can write go-queue's format`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer(ledger: scenario.ledger)
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                var options = JobOptions()
                options.format = .goQueue
                let receipt = try await producer.delay(.milliseconds(200), "1000", options: options)
                let revoked = try await producer.delay(.milliseconds(200), "2000", options: options)
                let outcome = try await producer.revoke(revoked)
                #expect(outcome == .revoked)
                var iterator = consumer.makeAsyncIterator()
                let job = try #require(try await iterator.next())
                #expect(job.id == receipt.jobID)
                #expect(job.text == "1000")
                try await job.complete()
                try await scenario.nodesAreEmpty(after: consumer)
            }
        }
    }

    /// Its consumers run what they reserve at once.
    @Test func `a delay of whole seconds is due at a go-queue consumer when go-queue's own is`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            try await scenario.closing(producer) {
                var options = JobOptions()
                options.format = .goQueue
                let consumer = try GoQueueConsumer(scenario)
                // The first call connects, and takes longer.
                for (delay, earliest) in [(Duration.seconds(1), -0.05), (.seconds(2), 0), (.milliseconds(2_300), -0.3)]
                {
                    let receipt = try await producer.delay(delay, "x", options: options)
                    let run = try await consumer.next()
                    let lateness = run.time.timeIntervalSince(receipt.fireDate)
                    #expect(run.id == receipt.jobID)
                    #expect(lateness >= earliest && lateness < earliest + 0.9, "\(delay): \(lateness) s")
                }
                await consumer.close()
            }
        }
    }

    @Test func `a record in no known format is buried, not deleted`() async throws {
        try await Scenario.run { scenario in
            let consumer = try scenario.consumer()
            let producer = try scenario.producer()
            try await scenario.closing(producer, consumer) {
                try await scenario.withConnection(to: 0) { connection in
                    _ = try await connection.put(
                        ByteBuffer(string: "who am I"), priority: 77, delay: 0, timeToRun: 60, timeout: .seconds(5))
                }
                try await producer.delay(.milliseconds(100), "known")
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for try await job in consumer {
                            #expect(job.text == "known")
                            try await job.complete()
                        }
                    }
                    try await scenario.eventually { try await scenario.statistics(of: 0)?.currentJobsBuried == 1 }
                    group.cancelAll()
                }
                let buried = try await scenario.withConnection(to: 0) { connection in
                    let found = try await connection.peekBuried()
                    return try await connection.statsJob(try #require(found).id)
                }
                #expect(buried.priority == 77)
            }
        }
    }
}
