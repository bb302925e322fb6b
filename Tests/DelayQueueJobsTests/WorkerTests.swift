import DelayQueue
import DelayQueueJobs
import DelayQueueTestKit
import Foundation
import Logging
import NIOConcurrencyHelpers
import TestSupport
import Testing

struct SendInvoice: TypedJob, Equatable {
    static let jobName = "send-invoice"
    let number: Int
}

struct Unlucky: Error {}

/// What handlers were called with.
final class Calls<Value: Sendable>: Sendable {
    private let values = NIOLockedValueBox<[Value]>([])

    func add(_ value: Value) { values.withLockedValue { $0.append(value) } }

    var all: [Value] { values.withLockedValue { $0 } }
}

@Suite(.timeLimit(.minutes(1)))
struct WorkerTests {
    @Test func aValueIsScheduledAndHandled() async throws {
        try await withTestQueue { test in
            let calls = Calls<(SendInvoice, JobContext)>()
            var worker = Worker(test.queue)
            try worker.handle(SendInvoice.self) { job, context in calls.add((job, context)) }
            try await test.running(worker) { _ in
                let receipt = try await test.queue.schedule(SendInvoice(number: 42), after: .seconds(60))
                try await test.advance(by: .seconds(61))
                #expect(calls.all.map(\.0) == [SendInvoice(number: 42)])
                let context = try #require(calls.all.first?.1)
                #expect(context.id == receipt.jobID)
                #expect(context.attempt == 1)
                #expect(context.jobType == "send-invoice")
                #expect(context.logger[metadataKey: "dq.job"] == "\(receipt.jobID)")
                #expect(test.runs.map(\.outcome) == [.completed])
            }
        }
    }

    @Test func policiesAndVerdictsDecideWhatBecomesOfAFailure() async throws {
        try await withTestQueue { test in
            var worker = Worker(test.queue)
            var options = JobHandlerOptions()
            options.retryPolicy = JobRetryPolicy { error, failures in
                failures < 3 ? .retry(after: .seconds(failures * 10)) : .bury("\(failures) times: \(error)")
            }
            try worker.handle(SendInvoice.self, options: options) { job, context in
                switch job.number {
                case 1: throw Unlucky()
                case 2: throw JobVerdict.bury("there is no such invoice")
                case 3 where context.failures == 0: throw JobVerdict.retry(after: .seconds(7))
                case 4 where context.attempt == 1: throw JobVerdict.giveBack(after: .seconds(5))
                default: return
                }
            }
            try await test.running(worker) { _ in
                for number in 1...4 {
                    try await test.queue.schedule(
                        SendInvoice(number: number), after: .zero, options: .init(id: JobID("\(number)")))
                }
                try await test.advance(by: .seconds(120))
            }
            let outcomes = Dictionary(grouping: test.runs, by: \.jobID.description).mapValues { $0.map(\.outcome) }
            #expect(
                outcomes == [
                    "1": [
                        .retried(after: .seconds(10)), .retried(after: .seconds(20)), .buried("3 times: Unlucky()"),
                    ],
                    "2": [.buried("there is no such invoice")],
                    "3": [.retried(after: .seconds(7)), .completed],
                    "4": [.givenBack(after: .seconds(5)), .completed],
                ])
        }
    }

    @Test func aFailureIsLoggedAtInfoAndTheEndOfAJobAsAWarning() async throws {
        try await withTestQueue { test in
            let capture = LogCapture()
            var configuration = WorkerConfiguration()
            configuration.logger = capture.logger
            var options = JobHandlerOptions()
            options.retryPolicy = JobRetryPolicy { error, failures in
                failures < 2 ? .retry(after: .seconds(1)) : .bury("\(error)")
            }
            var worker = Worker(test.queue, configuration: configuration)
            try worker.handle(SendInvoice.self, options: options) { _, _ in throw Unlucky() }
            let id = try JobID("invoice-1")
            try await test.running(worker) { _ in
                try await test.queue.schedule(SendInvoice(number: 1), after: .zero, options: .init(id: id))
                try await test.advance(by: .seconds(10))
            }
            #expect(capture.entries.map(\.level) == [.info, .warning])
            let failed = try #require(capture.entries.first)
            #expect(
                failed.metadata == [
                    LogKey.job: "invoice-1", LogKey.type: "send-invoice", LogKey.attempt: "1",
                    LogKey.error: "Unlucky()", LogKey.delay: "1.0 seconds",
                ])
        }
    }

    @Test func whatNobodyCanHandleIsBuriedWithTheReason() async throws {
        try await withTestQueue { test in
            var worker = Worker(test.queue)
            try worker.handle(SendInvoice.self) { _, _ in }
            try await test.running(worker) { _ in
                let producer = test.queue.producer
                try await producer.delay(.zero, "plain")
                try await producer.delay(.zero, "{}", options: .init(headers: ["job-type": "unknown"]))
                try await producer.delay(.zero, "{}", options: .init(headers: ["job-type": "send-invoice"]))
                try await test.advance(by: .seconds(10))
            }
            let reasons = test.runs.map { run in if case .buried(let reason) = run.outcome { reason } else { "?" } }
            #expect(reasons.count == 3)
            #expect(reasons.contains("it has no type: its header job-type is missing"))
            #expect(reasons.contains("this worker has no handler for jobs unknown"))
            #expect(reasons.contains { $0.hasPrefix("the body is no send-invoice: ") })
        }
    }

    @Test func aTimeoutCancelsAndCountsAsAFailure() async throws {
        try await withTestQueue { test in
            var worker = Worker(test.queue)
            var options = JobHandlerOptions()
            options.timeout = .seconds(30)
            options.retryPolicy = JobRetryPolicy { error, _ in .bury("\(error)") }
            try worker.handle(SendInvoice.self, options: options) { _, _ in
                try await test.clock.sleep(for: .seconds(3600))
            }
            try await test.running(worker) { _ in
                try await test.queue.schedule(SendInvoice(number: 1), after: .zero)
                try await test.advance(by: .seconds(120))
            }
            #expect(test.runs.map(\.outcome) == [.buried("the handler took longer than its time-out of 30.0 seconds")])
            let run = try #require(test.runs.first)
            #expect(run.ended?.timeIntervalSince(run.claimed) == 30)
        }
    }

    @Test(arguments: [nil, Duration.seconds(600)])
    func aHandlerThatCancelsItsOwnTaskHasFailed(timeout: Duration?) async throws {
        try await withTestQueue { test in
            var worker = Worker(test.queue)
            var options = JobHandlerOptions()
            options.timeout = timeout
            options.retryPolicy = JobRetryPolicy { error, failures in
                failures < 2 ? .retry(after: .seconds(1)) : .bury("\(error)")
            }
            try worker.handle(SendInvoice.self, options: options) { _, _ in
                withUnsafeCurrentTask { $0?.cancel() }
                try Task.checkCancellation()
            }
            try await test.running(worker) { _ in
                try await test.queue.schedule(SendInvoice(number: 1), after: .zero)
                try await test.advance(by: .seconds(600))
            }
            #expect(test.runs.map(\.outcome) == [.retried(after: .seconds(1)), .buried("CancellationError()")])
        }
    }

    @Test func aHandlerThatIsCancelledAndCancelsItselfTooHasNotFailed() async throws {
        try await withTestQueue { test in
            let (hasBegun, begun) = AsyncStream.makeStream(of: Void.self)
            var worker = Worker(test.queue)
            try worker.handle(SendInvoice.self) { _, context in
                guard context.attempt == 1 else { return }
                begun.finish()
                do {
                    try await test.clock.sleep(for: .seconds(86_400))
                } catch {
                    withUnsafeCurrentTask { $0?.cancel() }
                    throw Unlucky()
                }
            }
            let ready = worker
            // Without graceful shutdown.
            let run = Task { try await ready.run() }
            try await test.queue.schedule(SendInvoice(number: 1), after: .zero)
            try await test.advance(by: .seconds(1))
            for await _ in hasBegun {}
            run.cancel()
            await #expect(throws: CancellationError.self) { try await run.value }
            try await test.running(ready) { _ in try await test.advance(by: .seconds(60)) }
            #expect(test.runs.map(\.outcome) == [.givenBack(after: .zero), .completed])
        }
    }

    @Test func aTypeRunsNoMoreHandlersThanItsLimit() async throws {
        try await withTestQueue { test in
            let running = NIOLockedValueBox((now: 0, most: 0))
            var worker = Worker(test.queue)
            var options = JobHandlerOptions()
            options.concurrency = 2
            try worker.handle(SendInvoice.self, options: options) { _, _ in
                running.withLockedValue { state in
                    state.now += 1
                    state.most = max(state.most, state.now)
                }
                try await test.clock.sleep(for: .seconds(10))
                running.withLockedValue { $0.now -= 1 }
            }
            try await test.running(worker) { _ in
                for number in 1...8 { try await test.queue.schedule(SendInvoice(number: number), after: .zero) }
                try await test.advance(by: .seconds(300))
            }
            #expect(running.withLockedValue { $0.most } == 2)
            #expect(test.runs.count { $0.outcome == .completed } == 8)
            #expect(test.runs.allSatisfy { $0.outcome == .completed || $0.outcome.isGivenBack })
        }
    }

    @Test func middlewareWrapsHandlersFromTheOutside() async throws {
        struct Note: JobMiddleware {
            let name: String
            let calls: Calls<String>

            func handle(_ context: JobContext, next: @Sendable (JobContext) async throws -> Void) async throws {
                calls.add("\(name) begins")
                try await next(context)
                calls.add("\(name) ends")
            }
        }
        try await withTestQueue { test in
            let calls = Calls<String>()
            var configuration = WorkerConfiguration()
            configuration.middleware = [Note(name: "worker's", calls: calls)]
            var options = JobHandlerOptions()
            options.middleware = [Note(name: "type's", calls: calls)]
            var worker = Worker(test.queue, configuration: configuration)
            try worker.handle(SendInvoice.self, options: options) { _, _ in calls.add("handler") }
            try await test.running(worker) { _ in
                try await test.queue.schedule(SendInvoice(number: 1), after: .zero)
                try await test.advance(by: .seconds(1))
            }
            #expect(calls.all == ["worker's begins", "type's begins", "handler", "type's ends", "worker's ends"])
        }
    }

    @Test func aJobWhoseCompletionCouldNotBeRecordedDidNotFail() async throws {
        try await withTestQueue { test in
            let failures = Calls<Int>()
            var worker = Worker(test.queue)
            try worker.handle(SendInvoice.self) { _, context in
                failures.add(context.failures)
                if context.attempt == 1 { test.stopLedger() }
            }
            try await test.running(worker) { _ in
                try await test.queue.schedule(SendInvoice(number: 1), after: .zero)
                try await test.advance(by: .seconds(120))
                test.startLedger()
                try await test.advance(by: .seconds(600))
            }
            #expect(failures.all == [0, 0])
            #expect(test.runs.last?.outcome == .completed)
        }
    }

    @Test(arguments: [Duration.zero, .seconds(-1), .seconds(Int64.max), .seconds(1000 * 366 * 86_400)])
    func aTimeoutThatCannotBeReckonedWithIsRefused(_ timeout: Duration) async throws {
        try await withTestQueue { test in
            let error = #expect(throws: DelayQueueError.self) {
                var worker = Worker(test.queue)
                try worker.handle(SendInvoice.self, options: JobHandlerOptions(timeout: timeout)) { _, _ in }
            }
            #expect(error?.code == .invalidOption && error?.message.contains("timeout of send-invoice") == true)
        }
    }

    @Test func aWorkerRefusesAtMostOnce() async throws {
        try await withTestQueue { test in
            var configuration = WorkerConfiguration()
            configuration.adjust = { $0.deliveryGuarantee = .atMostOnce }
            let worker = Worker(test.queue, configuration: configuration)
            let error = await #expect(throws: DelayQueueError.self) { try await worker.run() }
            #expect(error?.code == .invalidOption)
        }
    }

    @Test func timeRemainingFollowsTheQueuesClock() async throws {
        try await withTestQueue { test in
            let remaining = Calls<Duration?>()
            var worker = Worker(test.queue)
            var options = JobHandlerOptions()
            options.timeout = .seconds(60)
            try worker.handle(SendInvoice.self, options: options) { _, context in
                remaining.add(context.timeRemaining)
                try await test.clock.sleep(for: .seconds(20))
                remaining.add(context.timeRemaining)
            }
            try await test.running(worker) { _ in
                try await test.queue.schedule(SendInvoice(number: 1), after: .zero)
                try await test.advance(by: .seconds(60))
            }
            #expect(remaining.all == [.seconds(60), .seconds(40)])
        }
    }
}
