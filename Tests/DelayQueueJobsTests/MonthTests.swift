import DelayQueue
import DelayQueueJobs
import DelayQueueTestKit
import Foundation
import Testing

/// Jobs over a month, of which some fail.
@Suite(.timeLimit(.minutes(3)))
struct MonthTests {
    struct Charge: TypedJob {
        static let jobName = "charge"
        let number: Int

        /// Every seventh fails twice, every hundredth for good.
        var failures: Int { number % 100 == 0 ? .max : number % 7 == 0 ? 2 : 0 }
    }

    struct Declined: Error {}

    private func worker(_ queue: JobQueue, wait: Duration) throws -> Worker {
        var worker = Worker(queue)
        var options = JobHandlerOptions()
        options.retryPolicy = JobRetryPolicy { error, failures in
            failures < 4 ? .retry(after: wait) : .bury("\(error)")
        }
        try worker.handle(Charge.self, options: options) { job, context in
            if context.failures < job.failures { throw Declined() }
        }
        return worker
    }

    /// How often each outcome is to be seen.
    private func expected(_ count: Int) -> [String: Int] {
        let charges = (1...count).map(Charge.init)
        let lost = charges.count { $0.failures == .max }
        return [
            "completed": count - lost, "buried": lost, "retried": lost * 3 + charges.count { $0.failures == 2 } * 2,
        ]
    }

    @Test func aMonthPassesInTheProcessOfTheTest() async throws {
        let count = 2_000
        try await withTestQueue { test in
            try await test.running(worker(test.queue, wait: .seconds(3600))) { _ in
                let start = test.now
                let requests = try (1...count).map { number in
                    try JobRequest(
                        Charge(number: number),
                        at: start.addingTimeInterval(Double(number) * 30 * 86_400 / Double(count)))
                }
                for result in await test.queue.producer.schedule(requests) { _ = try result.get() }
                try await test.advance(by: .seconds(31 * 86_400))
            }
            var outcomes: [String: Int] = [:]
            for run in test.runs {
                switch run.outcome {
                case .completed: outcomes["completed", default: 0] += 1
                case .buried: outcomes["buried", default: 0] += 1
                case .retried: outcomes["retried", default: 0] += 1
                default: Issue.record("\(run)")
                }
            }
            #expect(outcomes == expected(count))
        }
    }
}
