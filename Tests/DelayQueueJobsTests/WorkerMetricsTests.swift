import DelayQueue
import DelayQueueTestKit
import Foundation
import MetricsTestKit
import TestSupport
import Testing

@testable import DelayQueueJobs

@Suite(.timeLimit(.minutes(1)))
struct WorkerMetricsTests {
    @Test func theAgeOfTheOldestRunIsToldWhileItGoesOn() async throws {
        _ = processMetrics
        try await withTestQueue("oldest") { test in
            var worker = Worker(test.queue)
            try worker.handle(SendInvoice.self) { job, _ in try await test.clock.sleep(for: .seconds(job.number)) }
            let gauge = try processMetrics.expectGauge(
                "dq_job_oldest_run_seconds", [("queue", "oldest"), ("type", "send-invoice")])
            try await test.running(worker) { _ in
                let date = test.now
                // Two at once: from 0 to 32 s, and from 5 s to 47 s.
                _ = try await test.queue.schedule(SendInvoice(number: 32), at: date).jobID
                _ = try await test.queue.schedule(SendInvoice(number: 42), at: date.addingTimeInterval(5)).jobID
                try await test.advance(by: .seconds(31))
                #expect(gauge.values.map { $0.rounded() } == [0, 5, 10, 20, 30])
                try await test.advance(by: .seconds(11))
                // The first has ended, and the second has been running for 27 s.
                #expect(gauge.values.map { $0.rounded() }.suffix(2) == [27, 35])
                try await test.advance(by: .seconds(3600))
                #expect(gauge.values.map { $0.rounded() }.suffix(2) == [35, 0])
            }
        }
    }

    @Test func noTimerIsLeftOnceAWorkerHasEnded() async throws {
        try await withTestQueue("ended") { test in
            let metrics = JobTypeMetrics(queue: test.queue, type: "x")
            let first = metrics.began(at: test.clock.read().uptime, lateness: .zero, isFirst: true)
            metrics.stop()
            #expect(metrics.hasTimer, "a run goes on")
            metrics.ended(first, from: test.clock.read().uptime, to: test.clock.read().uptime, .completed)
            metrics.stop()
            #expect(!metrics.hasTimer)
            let second = metrics.began(at: test.clock.read().uptime, lateness: .zero, isFirst: true)
            #expect(metrics.hasTimer)
            try await test.advance(by: .seconds(60))
            #expect(metrics.hasTimer)
            metrics.ended(second, from: test.clock.read().uptime, to: test.clock.read().uptime, .completed)
            try await test.advance(by: .seconds(10))
            #expect(!metrics.hasTimer, "there is nothing to tell of")
        }
    }

    @Test func aRunThatOutlivesItsQueueIsToldOfNoMore() async throws {
        // Else time, which goes freely at the end, would go on for ever.
        try await withTestQueue("outlived") { test in
            let metrics = JobTypeMetrics(queue: test.queue, type: "x")
            _ = metrics.began(at: test.clock.read().uptime, lateness: .zero, isFirst: true)
            await test.queue.close(within: .zero)
            try await test.advance(by: .seconds(10))
            #expect(!metrics.hasTimer)
        }
    }

    @Test func theOldestOfSomeRunsIsKnownInWhateverOrderTheyEnd() {
        var runs = RunsUnderWay()
        let start = Uptime(microseconds: 1_000_000)
        #expect(runs.oldest(at: start) == 0)
        let numbers = (0..<4).map { runs.begin(at: start + .seconds($0)) }
        let now = start + .seconds(10)
        runs.end(numbers[1])
        runs.end(numbers[1])
        #expect(runs.count == 3 && runs.oldest(at: now) == 10_000_000)
        runs.end(numbers[0])
        #expect(runs.oldest(at: now) == 8_000_000)
        runs.end(numbers[3])
        runs.end(numbers[2])
        #expect(runs.count == 0 && runs.oldest(at: now) == 0)
    }
}
