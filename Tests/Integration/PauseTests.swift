import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import HiredisClient
import Testing

/// A queue that is paused and resumed, on real servers.
@Suite("Pausing", .serialized, .timeLimit(.minutes(4)))
struct PauseTests {
    /// Waits until every consumer has told the ledger that it knows of the pause, or of its end.
    private func all(
        _ count: Int, are activity: SeenConsumer.Activity, _ operations: QueueOperations, in scenario: Scenario
    ) async throws {
        try await scenario.eventually {
            let consumers = try await operations.consumers()
            return consumers.count == count && consumers.allSatisfy { $0.activity == activity }
        }
    }

    /// Waits until every consumer has checked in once more.
    private func allAreSeenAgain(_ operations: QueueOperations, in scenario: Scenario) async throws {
        let seen = Dictionary(uniqueKeysWithValues: try await operations.consumers().map { ($0.id, $0.lastSeen) })
        try await scenario.eventually {
            try await operations.consumers().allSatisfy { consumer in
                seen[consumer.id].map { consumer.lastSeen > $0 } ?? true
            }
        }
    }

    @Test func `under load nothing new begins in a pause, a node restarts, and then each job runs once`() async throws {
        try await Scenario.run(binlog: true) { scenario in
            let producer = try scenario.producer(ledger: scenario.ledger)
            let (first, second) = (try scenario.consumer(), try scenario.consumer())
            try await scenario.closing(producer, first, second) {
                try await scenario.withOperations() { operations in
                    let (begun, ended) = (Tally(), Tally())
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for consumer in [first, second] {
                            group.addTask {
                                try await consumer.run(concurrency: 4) { job in
                                    begun.record(job)
                                    try await Task.sleep(for: .milliseconds(20))
                                    ended.record(job)
                                }
                            }
                        }
                        var scheduled: Set<JobID> = []
                        for index in 0..<600 {
                            let job = JobRequest(delay: .milliseconds(index * 10), "job \(index)")
                            for result in await producer.schedule([job]) { scheduled.insert(try result.get().jobID) }
                        }
                        try await scenario.eventually { begun.runs.count > 50 }
                        let began = ContinuousClock.now
                        try await operations.pause(why: "a test", by: "anna")
                        try await all(2, are: .paused, operations, in: scenario)
                        #expect(
                            ContinuousClock.now - began < .seconds(20), "it takes a second where the machine is idle")
                        // What runs ends; what was granted and not begun goes back.
                        try await scenario.eventually { ended.runs.count == begun.runs.count }
                        let count = begun.runs.count
                        #expect(count < 600)
                        await scenario.cluster.nodes[0].kill()
                        try await scenario.cluster.nodes[0].restart()
                        #expect(try await operations.pauseState()?.by == "anna")
                        // Jobs fall due meanwhile, and consumers are told twice more that the queue is paused.
                        for _ in 0..<2 { try await allAreSeenAgain(operations, in: scenario) }
                        #expect(begun.runs.count == count)
                        #expect(try await operations.resume())
                        try await scenario.eventually { ended.runs.count >= 600 }
                        try await scenario.nodesAreEmpty()
                        await first.finish()
                        await second.finish()
                        try await group.waitForAll()
                        #expect(Set(ended.runs.map(\.id)) == scheduled)
                        #expect(ended.runs.count == 600 && begun.runs.count == 600)
                    }
                    // Who ends in order is not there any more.
                    try await scenario.eventually { try await operations.consumers().isEmpty }
                }
            }
        }
    }

    @Test func `a consumer that starts in a paused queue takes nothing, and begins at the pause's end`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer(ledger: scenario.ledger)
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                try await scenario.withOperations() { operations in
                    try await producer.delay(.zero, "x")
                    try await operations.pause(for: .seconds(3), why: "")
                    let end = try #require(try await operations.pauseState()?.until)
                    var iterator = consumer.makeAsyncIterator()
                    let job = try #require(try await iterator.next())
                    // Both clocks are this machine's.
                    #expect(Date.now >= end)
                    let seen = try #require(try await operations.consumers().first)
                    #expect(!seen.isSilent && seen.limit == 1)
                    #expect(seen.process.hasSuffix("/\(ProcessInfo.processInfo.processIdentifier)"))
                    try await job.complete()
                    try await scenario.eventually { try await operations.consumers().first?.completed == 1 }
                }
            }
        }
    }

    @Test func `a consumer that dies is silent, and one whose ledger comes back empty goes on`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer(ledger: scenario.ledger)
            let (doomed, other) = (try scenario.consumer(), try scenario.consumer())
            try await scenario.closing(producer, doomed, other) {
                try await scenario.withOperations() { operations in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        let tally = Tally()
                        for consumer in [doomed, other] {
                            group.addTask { try await consumer.run(concurrency: 2) { tally.record($0) } }
                        }
                        try await all(2, are: .taking, operations, in: scenario)
                        await doomed.crash()
                        try await scenario.eventually {
                            try await operations.consumers().filter(\.isSilent).count == 1
                        }
                        try await operations.pause(why: "")
                        try await scenario.eventually {
                            try await operations.consumers().contains { !$0.isSilent && $0.activity == .paused }
                        }
                        try await producer.delay(.zero, "x")
                        _ = try await scenario.ledger.client.command("FLUSHALL")
                        try await scenario.eventually { tally.runs.count == 1 }
                        #expect(try await operations.pauseState() == nil)
                        await other.finish()
                        try await group.waitForAll()
                    }
                }
            }
        }
    }
}
