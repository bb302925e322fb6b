import DelayQueue
import DelayQueueTestKit
import Foundation
import Logging
import ServiceLifecycle
import Testing

@Suite("Service", .serialized, .timeLimit(.minutes(4)))
struct ServiceTests {
    @Test func `graceful shutdown lets handlers finish, settles and closes`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                _ = await producer.schedule((0..<20).map { JobRequest(delay: .zero, "\($0)") })
                let tally = Tally()
                let finished = Tally()
                let service = ConsumerService(consumer, concurrency: 4) { job in
                    tally.record(job)
                    // Long enough to be under way when the shutdown begins.
                    try await Task.sleep(for: .milliseconds(300))
                    finished.record(job)
                }
                let group = ServiceGroup(
                    configuration: .init(services: [.init(service: service)], logger: Scenario.logger))
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { try await group.run() }
                    try await scenario.eventually { tally.runs.count >= 4 }
                    await group.triggerGracefulShutdown()
                    try await tasks.waitForAll()
                }
                #expect(tally.runs.count < 20)
                #expect(Set(finished.runs.map(\.id)) == Set(tally.runs.map(\.id)))
                // What was not started is still there for the next consumer, the rest is done.
                let next = try scenario.consumer()
                try await scenario.closing(nil, next) {
                    var left = 20 - tally.runs.count
                    let started = Set(tally.runs.map(\.id))
                    for try await job in next {
                        #expect(!started.contains(job.id))
                        try await job.complete()
                        left -= 1
                        if left == 0 { break }
                    }
                    try await scenario.nodesAreEmpty(after: next)
                }
            }
        }
    }

    @Test func `handlers still running at the deadline are cancelled and their jobs given back`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                try await producer.delay(.zero, "endless")
                let tally = Tally()
                let service = ConsumerService(consumer, concurrency: 2, shutdownDeadline: .milliseconds(50)) { job in
                    tally.record(job)
                    try await Task.sleep(for: .seconds(3600))
                }
                let group = ServiceGroup(
                    configuration: .init(services: [.init(service: service)], logger: Scenario.logger))
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { try await group.run() }
                    try await scenario.eventually { tally.runs.count == 1 }
                    await group.triggerGracefulShutdown()
                    try await tasks.waitForAll()
                }
                let next = try scenario.consumer()
                try await scenario.closing(nil, next) {
                    var iterator = next.makeAsyncIterator()
                    let again = try #require(try await iterator.next())
                    #expect(again.attempt == 2)
                    #expect(again.failures == 0)
                    try await again.complete()
                }
            }
        }
    }

    @Test func `a service whose ledger can never work fails`() async throws {
        var options = RedisOptions()
        options.password = "secret"
        try await withRedis(options: options) { redis in
            try await Scenario.run { scenario in
                let ledger = try RedisLedger("redis://127.0.0.1:\(redis.port)", logger: Scenario.logger)
                let producer = try scenario.producer()
                let consumer = try scenario.consumer(ledger: ledger)
                try await scenario.closing(producer, consumer) {
                    try await producer.delay(.zero, "x")
                    let error = await #expect(throws: DelayQueueError.self) {
                        try await ConsumerService(consumer) { _ in Issue.record("nothing may run") }.run()
                    }
                    #expect(error?.code == .ledgerMisconfigured)
                }
                await ledger.close()
            }
        }
    }
}
