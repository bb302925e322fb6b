import DelayQueue
import DelayQueueJobs
import DelayQueueTestKit
import Foundation
import Logging
import TestSupport

/// Lets a month of jobs pass in this process, of which some fail, and says how long that took.
@main
struct Month {
    struct Difference: Error, CustomStringConvertible {
        let description: String
    }

    static func main() async throws {
        guard let count = CommandLine.arguments.dropFirst().first.flatMap({ Int($0) }), count > 0 else {
            throw Difference(description: "usage: month JOBS")
        }
        let month = Duration.seconds(30 * 86_400)
        var logger = Logger(label: "month")
        logger.logLevel = .error
        let began = ContinuousClock.now
        let scenario = ChargeScenario(count: count, wait: .seconds(3600))
        let dead = try await withTestQueue(logger: logger) { test in
            try await test.running(scenario.makeWorker(test.queue)) { _ in
                let requests = try scenario.requests(from: test.now, over: month)
                let receipts = try await test.queue.producer.schedule(requests).map { try $0.get() }
                try await test.advance(by: month + .seconds(86_400))
                let numbers = Dictionary(uniqueKeysWithValues: zip(receipts.map(\.jobID), 1...))
                return test.runs.compactMap { run in
                    if case .buried = run.outcome { numbers[run.jobID] } else { nil }
                }
            }
        }
        let outcome = ChargeScenario.Outcome(runs: scenario.runs, dead: Set(dead))
        guard outcome == scenario.expected else {
            throw Difference(description: "the jobs did not end as they were to: \(outcome)")
        }
        let runs = outcome.runs.values.reduce(0, +)
        print("a month of \(count) jobs, \(runs) runs, \(dead.count) of them dead: \(ContinuousClock.now - began)")
    }
}
