import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import NIOCore
import Testing

@Suite("Policies", .serialized, .timeLimit(.minutes(4)))
struct PolicyTests {
    // MARK: Late jobs

    @Test func `a job three hours late, after everything was down, runs once and tells its lateness`() async throws {
        try await Scenario.run(binlog: true, appendOnly: true) { scenario in
            try await scenario.write("late", due: .now() - .seconds(3 * 3600))
            let redis = try #require(scenario.cluster.redis)
            for node in scenario.cluster.nodes { await node.kill() }
            await redis.kill()
            for node in scenario.cluster.nodes { try await node.restart() }
            try await redis.restart()
            let consumer = try scenario.consumer()
            try await scenario.closing(nil, consumer) {
                var iterator = consumer.makeAsyncIterator()
                let job = try #require(try await iterator.next())
                #expect(job.id.description == "late" && job.attempt == 1)
                #expect(job.lateness >= .seconds(3 * 3600) && job.lateness < .seconds(4 * 3600))
                try await job.complete()
                try await scenario.nodesAreEmpty(after: consumer)
            }
        }
    }

    @Test func `a job later than records last is put aside, and runs when it is kicked`() async throws {
        try await Scenario.run(nodes: 2) { scenario in
            try await scenario.write("old", due: .now() - .seconds(8 * 86_400))
            let consumer = try scenario.consumer()
            try await scenario.closing(nil, consumer) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for try await job in consumer { Issue.record("\(job.id) was delivered") }
                    }
                    for node in scenario.nodes.indices {
                        try await scenario.eventually {
                            try await scenario.statistics(of: node)?.currentJobsBuried == 1
                        }
                    }
                    group.cancelAll()
                }
                _ = try await scenario.withConnection(to: 0) { try await $0.kick(bound: 1) }
                var iterator = consumer.makeAsyncIterator()
                let job = try #require(try await iterator.next())
                #expect(job.id.description == "old" && job.lateness > .seconds(7 * 86_400))
                try await job.complete()
                _ = try await scenario.withConnection(to: 1) { try await $0.kick(bound: 1) }
                try await scenario.nodesAreEmpty(after: consumer)
            }
        }
    }

    @Test func `a job later than records last is deleted where the policy says so`() async throws {
        try await Scenario.run(nodes: 2) { scenario in
            try await scenario.write("old", due: .now() - .seconds(25 * 3600), copies: 0)
            let consumer = try scenario.consumer { $0.lateJobs = .discard }
            try await scenario.closing(nil, consumer) {
                try await scenario.nodesAreEmpty(after: consumer)
            }
        }
    }

    // MARK: Foreign jobs

    @Test func `a foreign job is delivered, retried and completed where the policy says so`() async throws {
        try await Scenario.run(nodes: 1) { scenario in
            let consumer = try scenario.consumer { $0.foreignJobs = .deliver }
            try await scenario.closing(nil, consumer) {
                try await scenario.withConnection(to: 0) { connection in
                    _ = try await connection.put(
                        ByteBuffer(string: "who am I"), priority: 77, delay: 0, timeToRun: 60, timeout: .seconds(10))
                }
                var iterator = consumer.makeAsyncIterator()
                let first = try #require(try await iterator.next())
                #expect(first.text == "who am I" && first.attempt == 1 && first.headers.isEmpty)
                try await first.retry(after: .zero)
                let second = try #require(try await iterator.next())
                #expect(second.id == first.id && second.attempt == 2 && second.failures == 1)
                let found = try await scenario.withConnection(to: 0) { connection in
                    try await connection.statsJob(BeanstalkJobID(1))
                }
                #expect(found.priority == 77)
                try await second.complete()
                #expect(try await scenario.jobCount(on: 0) == 0)
                await #expect(throws: DelayQueueError.self) { try await second.complete() }
            }
        }
    }

    // MARK: At most once

    @Test func `at most once, no job is completed that nobody waits for`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let date = Date.now + 1
            let ids = Set(
                try await producer.schedule((0..<10).map { JobRequest(at: date, "\($0)") }).map { try $0.get().jobID })
            try await scenario.closing(producer) {
                let tally = Tally()
                // All fall due together. Each consumer takes one, and what it did not take must be left for the next.
                for _ in ids {
                    let consumer = try scenario.consumer { $0.deliveryGuarantee = .atMostOnce }
                    try await scenario.closing(nil, consumer) {
                        for try await job in consumer {
                            tally.record(job)
                            // Its work, during which the next one could be taken.
                            try await Task.sleep(for: .milliseconds(50))
                            break
                        }
                    }
                }
                #expect(Set(tally.runs.map(\.id)) == ids)
                #expect(tally.runs.count == ids.count)
            }
        }
    }

    @Test func `at most once, jobs arrive completed and take no settlement`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer { $0.deliveryGuarantee = .atMostOnce }
            try await scenario.closing(producer, consumer) {
                let results = await producer.schedule((0..<50).map { JobRequest(delay: .zero, "\($0)") })
                let ids = Set(try results.map { try $0.get().jobID })
                let tally = Tally()
                for try await job in consumer {
                    let key = LedgerKey(queue: scenario.nodes[0].tube, id: job.id)
                    let reply = try await scenario.ledger.perform(LedgerRequest(key: key, operation: .status))
                    #expect(reply == .finished(.done))
                    let error = await #expect(throws: DelayQueueError.self) { try await job.retry() }
                    #expect(error?.code == .alreadySettled)
                    if tally.record(job) == 50 { break }
                }
                #expect(Set(tally.runs.map(\.id)) == ids && tally.countsByID.values.allSatisfy { $0 == 1 })
                try await scenario.nodesAreEmpty(after: consumer)
            }
        }
    }

    @Test func `at most once, a job whose handler throws is gone`() async throws {
        struct Failed: Error {}
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer { $0.deliveryGuarantee = .atMostOnce }
            try await scenario.closing(producer, consumer) {
                try await producer.delay(.zero, "x")
                let tally = Tally()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        try await consumer.run(concurrency: 2) { job in
                            tally.record(job)
                            throw Failed()
                        }
                    }
                    try await scenario.eventually { tally.runs.count == 1 }
                    try await scenario.nodesAreEmpty()
                    await consumer.finish()
                    try await group.waitForAll()
                }
                #expect(tally.runs.count == 1)
            }
        }
    }
}
