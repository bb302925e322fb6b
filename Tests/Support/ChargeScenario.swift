package import DelayQueue
package import DelayQueueJobs
package import Foundation
import Logging
import NIOConcurrencyHelpers

/// Charges to be made over a while, of which some fail for a time and some for good: what becomes of each is known.
package final class ChargeScenario: Sendable {
    package struct Charge: TypedJob {
        package static let jobName = "charge"
        package let number: Int

        /// Every seventh fails twice, every hundredth for good.
        fileprivate var failures: Int { number % 100 == 0 ? .max : number % 7 == 0 ? 2 : 0 }
    }

    /// What became of the charges.
    package struct Outcome: Hashable, Sendable {
        /// How often each ran.
        package var runs: [Int: Int]
        package var dead: Set<Int>

        package init(runs: [Int: Int], dead: Set<Int>) {
            self.runs = runs
            self.dead = dead
        }
    }

    private struct Declined: Error {}

    private struct State {
        var runs: [Int: Int] = [:]
        /// How many runs are to come.
        var left: Int
        var waiter: AsyncStream<Void>.Continuation?
    }

    /// A charge that fails so often is dead.
    private static let mostFailures = 4

    private let count: Int
    /// Between the runs of one that fails.
    private let wait: Duration
    private let state: NIOLockedValueBox<State>
    package let expected: Outcome

    package init(count: Int, wait: Duration) {
        self.count = count
        self.wait = wait
        let charges = (1...count).map { Charge(number: $0) }
        expected = Outcome(
            runs: Dictionary(
                uniqueKeysWithValues: charges.map { ($0.number, min($0.failures, Self.mostFailures - 1) + 1) }),
            dead: Set(charges.filter { $0.failures == .max }.map(\.number)))
        state = NIOLockedValueBox(State(left: expected.runs.values.reduce(0, +)))
    }

    /// - Parameter length: the last is due so long after the start.
    package func requests(from start: Date, over length: Duration) throws -> [JobRequest] {
        // The machine may be slow to write them.
        let options = JobOptions(pastDates: .runImmediately)
        return try (1...count).map { number in
            try JobRequest(
                Charge(number: number),
                at: start.addingTimeInterval(Double(number) * (length / .seconds(1)) / Double(count)), options: options)
        }
    }

    package func makeWorker(_ queue: JobQueue) throws -> Worker {
        var configuration = WorkerConfiguration()
        // What fails is meant to.
        configuration.logger.logLevel = .critical
        var worker = Worker(queue, configuration: configuration)
        var options = JobHandlerOptions()
        options.retryPolicy = JobRetryPolicy { [wait] error, failures in
            failures < Self.mostFailures ? .retry(after: wait) : .bury("\(error)")
        }
        try worker.handle(Charge.self, options: options) { job, context in
            self.note(job.number)
            if context.failures < job.failures { throw Declined() }
        }
        return worker
    }

    package var runs: [Int: Int] { state.withLockedValue { $0.runs } }

    private func note(_ number: Int) {
        state.withLockedValue { state in
            state.runs[number, default: 0] += 1
            state.left -= 1
            if state.left <= 0 { state.waiter?.finish() }
        }
    }

    /// Waits until there were as many runs as there are to be.
    package func completion() async {
        let (runs, waiter) = AsyncStream.makeStream(of: Void.self)
        state.withLockedValue { state in
            state.waiter = waiter
            if state.left <= 0 { waiter.finish() }
        }
        for await _ in runs {}
    }
}
