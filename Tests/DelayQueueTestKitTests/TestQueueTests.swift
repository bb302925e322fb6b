import DelayQueue
import DelayQueueTestKit
import Foundation
import NIOConcurrencyHelpers
import Testing

@Suite(.timeLimit(.minutes(1)))
struct TestQueueTests {
    private static let day = Duration.seconds(86_400)

    @Test func aJobRunsAtItsDateAndNotBefore() async throws {
        try await withTestQueue { test in
            try await test.running(handler: { _ in }) { _ in
                let receipt = try await test.queue.producer.delay(Self.day * 30, "send invoice 42")
                #expect(await test.scheduled().map(\.text) == ["send invoice 42"])
                // The lead is put when the standbys are known to be stored.
                try await test.settle()
                #expect(await test.scheduled().map(\.copies) == [3])
                try await test.advance(by: Self.day * 30 - .milliseconds(1))
                #expect(test.runs.isEmpty)
                try await test.advance(by: .milliseconds(1))
                #expect(test.runs.map(\.outcome) == [.completed])
                #expect(test.runs.map(\.jobID) == [receipt.jobID])
                #expect(test.runs.map(\.claimed) == [receipt.fireDate])
                // What is deleted may be gathered for a moment.
                try await test.advance(by: .seconds(5))
                #expect(await test.scheduled().isEmpty)
            }
        }
    }

    @Test func aYearPassesWithoutAJob() async throws {
        try await withTestQueue { test in
            let start = test.now
            try await test.running(handler: { _ in }) { _ in
                try await test.advance(by: Self.day * 365)
                #expect(test.now == start.addingTimeInterval(365 * 86_400))
            }
        }
    }

    @Test func aPausedQueueBeginsNothingAndGoesOnAtOnce() async throws {
        try await withTestQueue { test in
            let operations = QueueOperations(test.queue)
            try await test.running(handler: { _ in }) { _ in
                try await operations.pause(why: "stocktaking")
                try await test.queue.producer.delay(.seconds(60), "x")
                try await test.advance(by: Self.day * 3)
                #expect(test.runs.isEmpty)
                try await operations.resume()
                try await test.settle()
                #expect(test.runs.map(\.outcome) == [.completed])

                try await operations.pause(for: Self.day, why: "and again")
                let end = test.now.addingTimeInterval(86_400)
                try await test.queue.producer.delay(.seconds(1), "y")
                try await test.advance(by: Self.day * 2)
                #expect(test.runs.last?.claimed == end)

                try await operations.pause(why: "forgotten by a ledger that comes back empty")
                try await test.queue.producer.delay(.seconds(1), "z")
                try await test.advance(by: .seconds(10))
                #expect(test.runs.count == 2)
                test.startLedger(isEmpty: true)
                try await test.settle()
                #expect(test.runs.count == 3)
                #expect(try await operations.consumers().map(\.activity) == [.taking])
            }
            // It checks out once what it had to clear away is gone.
            for _ in 0..<1000 where try await !operations.consumers().isEmpty {
                try await test.advance(by: .milliseconds(10))
            }
            #expect(try await operations.consumers().isEmpty)
            await operations.close()
        }
    }

    @Test func failuresBackOffOnTheClockOfTheTest() async throws {
        struct Unlucky: Error {}
        try await withTestQueue { test in
            try await test.running(handler: { job in if job.failures < 3 { throw Unlucky() } }) { _ in
                try await test.queue.producer.delay(.zero, "x")
                try await test.advance(by: Self.day)
                let outcomes = test.runs.map(\.outcome)
                #expect(outcomes.count == 4)
                #expect(outcomes.last == .completed)
                for (index, run) in test.runs.dropLast().enumerated() {
                    guard case .retried(let delay) = run.outcome else {
                        Issue.record("\(run) was no retry")
                        continue
                    }
                    let wait = test.runs[index + 1].claimed.timeIntervalSince(run.ended ?? .distantPast)
                    // Never sooner, and about a second later at most: for longer waits a copy goes back to its node.
                    #expect(wait >= delay / .seconds(1) - 0.001)
                    #expect(wait < delay / .seconds(1) + 1.1)
                }
            }
        }
    }

    @Test func aCrashedConsumersJobRunsElsewhereOnceItsLeaseIsOver() async throws {
        try await withTestQueue { test in
            let (isStuck, stuck) = AsyncStream.makeStream(of: Void.self)
            let victim = try test.queue.makeConsumer()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await victim.run(concurrency: 1) { _ in
                        stuck.yield()
                        // For ever: until its task is cancelled.
                        try await test.clock.sleep(for: Self.day * 1000)
                    }
                }
                let receipt = try await test.queue.producer.delay(.seconds(1), "x")
                try await test.advance(by: .seconds(1))
                for await _ in isStuck { break }
                await test.crash(victim)
                group.cancelAll()
                try? await group.waitForAll()
                try await test.running(handler: { _ in }) { _ in
                    try await test.advance(by: .seconds(29))
                    #expect(test.runs.map(\.outcome) == [.running])
                    try await test.advance(by: Self.day)
                }
                #expect(test.runs.map(\.outcome) == [.leaseEnded, .completed])
                #expect(test.runs.map(\.jobID) == [receipt.jobID, receipt.jobID])
            }
        }
    }

    @Test func nothingIsLostOrLateByMoreThanItMustWhileANodeIsDown() async throws {
        try await withTestQueue { test in
            try await test.running(handler: { _ in }) { _ in
                for number in 1...50 { try await test.queue.producer.delay(.seconds(number), "\(number)") }
                try await test.advance(by: .seconds(10))
                await test.stopNode(1)
                try await test.advance(by: .seconds(20))
                await test.startNode(1)
                try await test.advance(by: .seconds(60))
                #expect(test.runs.count { $0.outcome == .completed } == 50)
                #expect(Set(test.runs.map(\.jobID)).count == 50)
            }
        }
    }

    @Test(arguments: [false, true]) func jobsWaitForTheLedger(isHung: Bool) async throws {
        try await withTestQueue { test in
            try await test.running(handler: { _ in }) { _ in
                try await test.queue.producer.delay(.seconds(10), "x")
                test.stopLedger(isHung: isHung)
                try await test.advance(by: .seconds(60))
                #expect(test.runs.isEmpty)
                test.startLedger()
                try await test.advance(by: .seconds(60))
                #expect(test.runs.map(\.outcome) == [.completed])
            }
        }
    }

    @Test func aRefusedJobNeverRuns() async throws {
        try await withTestQueue { test in
            await test.stopNode(0)
            await test.stopNode(1)
            let error = await #expect(throws: DelayQueueError.self) {
                try await test.queue.producer.delay(.seconds(1), "x")
            }
            #expect(error?.code == .insufficientCopies)
            await test.startNode(0)
            await test.startNode(1)
            try await test.running(handler: { _ in }) { _ in try await test.advance(by: .seconds(60)) }
            #expect(test.runs.isEmpty)
        }
    }

    @Test func aHandlerAtWorkHoldsTheClockAndSaysSo() async throws {
        try await withTestQueue { test in
            let (gate, opened) = AsyncStream.makeStream(of: Void.self)
            try await test.running(handler: { _ in for await _ in gate { break } }) { _ in
                try await test.queue.producer.delay(.zero, "x")
                let error = await #expect(throws: TestKitError.self) {
                    try await test.advance(by: .seconds(60), waitingFor: .milliseconds(200))
                }
                #expect(error?.code == .stillBusy)
                opened.yield()
                try await test.advance(by: .seconds(60))
                #expect(test.runs.map(\.outcome) == [.completed])
            }
        }
    }

    @Test func severalMovesOfTheClockEndEachAtItsTime() async throws {
        try await withTestQueue { test in
            let start = test.now
            async let short: Void = test.advance(by: .seconds(10))
            async let long: Void = test.advance(by: .seconds(20))
            _ = try await (short, long)
            #expect(test.now >= start.addingTimeInterval(20))
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await test.advance(by: .seconds(1))
            }
            // Whether it arrives before it sees that, it ends.
            _ = await task.result
            try await test.advance(by: .seconds(1))
        }
    }
}
