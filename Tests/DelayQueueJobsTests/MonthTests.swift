import DelayQueue
import DelayQueueJobs
import DelayQueueTestKit
import Foundation
import TestSupport
import Testing

/// Jobs of which some fail for a while and some for good: in the process of a test over a month, and on servers over
/// seconds. `./dev test` runs more of them in release (Tests/Month).
@Suite(.timeLimit(.minutes(3)))
struct MonthTests {
    @Test func aMonthPassesInTheProcessOfTheTest() async throws {
        let month = Duration.seconds(30 * 86_400)
        let scenario = ChargeScenario(count: 1_000, wait: .seconds(3600))
        let dead = try await withTestQueue { test in
            try await test.running(scenario.makeWorker(test.queue)) { _ in
                let requests = try scenario.requests(from: test.now, over: month)
                let numbers = try await numbers(of: requests, in: test.queue)
                try await test.advance(by: month + .seconds(86_400))
                return test.runs.filter { if case .buried = $0.outcome { true } else { false } }
                    .compactMap { numbers[$0.jobID] }
            }
        }
        #expect(ChargeScenario.Outcome(runs: scenario.runs, dead: Set(dead)) == scenario.expected)
    }

    @Test func theSameHappensOnServersInSeconds() async throws {
        let scenario = ChargeScenario(count: 1_000, wait: .milliseconds(300))
        try await withLocalCluster(nodes: 3) { cluster in
            let queue = try JobQueue(cluster.queueAddress("charges"))
            let worker = try scenario.makeWorker(queue)
            let consumer = try worker.makeConsumer()
            let requests = try scenario.requests(from: .now.addingTimeInterval(1), over: .seconds(3))
            let numbers = try await numbers(of: requests, in: queue)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await worker.run(with: consumer) }
                group.addTask {
                    await scenario.completion()
                    // What runs is settled before the run ends.
                    await consumer.finish()
                }
                try await group.waitForAll()
            }
            let operations = QueueOperations(queue)
            let dead = try await operations.deadJobs().compactMap { numbers[$0.id] }
            await operations.close()
            #expect(ChargeScenario.Outcome(runs: scenario.runs, dead: Set(dead)) == scenario.expected)
            await queue.close()
        }
    }

    private func numbers(of requests: [JobRequest], in queue: JobQueue) async throws -> [JobID: Int] {
        let receipts = try await queue.producer.schedule(requests).map { try $0.get() }
        return Dictionary(uniqueKeysWithValues: zip(receipts.map(\.jobID), 1...))
    }
}
