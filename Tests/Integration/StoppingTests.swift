import DelayQueue
import DelayQueueTestKit
import Foundation
import Logging
import ServiceLifecycle
import TestSupport
import Testing

@Suite("A service's end", .timeLimit(.minutes(4)))
struct StoppingTests {
    private static let deadline = Duration.seconds(2)

    @Test(arguments: StoppingCase.chosen)
    func `a service ends in time, whatever is away`(_ stopping: StoppingCase) async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                let work = stopping.work
                _ = await producer.schedule((0..<max(work.jobs, 1)).map { JobRequest(delay: .zero, "\($0)") })
                let tally = Tally()
                let service = ConsumerService(consumer, concurrency: 64, shutdownDeadline: Self.deadline) { job in
                    tally.record(job)
                    if work.jobs > 0 { try await Task.sleep(for: .seconds(work.seconds)) }
                }
                let took = try await Self.stop(service) {
                    try await scenario.eventually { tally.runs.count == max(work.jobs, 1) }
                    try await stopping.trouble.begin(in: scenario.cluster)
                }
                stopping.note("ConsumerService", took: took)
                #expect(took < Self.deadline + .seconds(2) + StoppingCase.slack)
            }
        }
    }

    private struct ClientFailure: Error {}

    /// What clients make of their cancellation, they call by their own names.
    @Test(arguments: ["its client's", "this package's"])
    func `a handler cancelled at the deadline that throws another error counts no failure`(_ whose: String) async throws
    {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let log = LogCapture()
            let consumer = try scenario.consumer(logger: log.logger)
            try await scenario.closing(producer, consumer) {
                try await producer.delay(.zero, "endless")
                let tally = Tally()
                let service = ConsumerService(consumer, concurrency: 2, shutdownDeadline: .milliseconds(50)) { job in
                    tally.record(job)
                    do {
                        try await Task.sleep(for: .seconds(3600))
                    } catch {
                        if whose == "its client's" { throw ClientFailure() }
                        throw DelayQueueError(.cancelled, "the call was cancelled")
                    }
                }
                _ = try await Self.stop(service) { try await scenario.eventually { tally.runs.count == 1 } }
                #expect(log.entries.filter { $0.message.hasPrefix("a handler was cut short") }.count == 1)
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

    @Test func `a cancelled service whose ledger hangs ends in time`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                try await producer.delay(.zero, "endless")
                let tally = Tally()
                let service = ConsumerService(consumer) { job in
                    tally.record(job)
                    try await Task.sleep(for: .seconds(3600))
                }
                let took = await withTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try? await service.run() }
                    group.addTask {
                        _ = try? await scenario.eventually { tally.runs.count == 1 }
                        _ = try? await StoppingTrouble.ledgerHangs.begin(in: scenario.cluster)
                    }
                    _ = await group.next()
                    let start = ContinuousClock.now
                    group.cancelAll()
                    await group.waitForAll()
                    return ContinuousClock.now - start
                }
                #expect(took < .seconds(2))
            }
        }
    }

    /// - Returns: how long it took.
    private static func stop(
        _ service: ConsumerService, when isReady: () async throws -> Void
    ) async throws -> Duration {
        let group = ServiceGroup(configuration: .init(services: [.init(service: service)], logger: Scenario.logger))
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await isReady()
            let start = ContinuousClock.now
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            return ContinuousClock.now - start
        }
    }
}
