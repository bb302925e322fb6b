import DelayQueue
import DelayQueueJobs
import DelayQueueTestKit
import Foundation
import NIOConcurrencyHelpers
import TestSupport
import Testing

private struct Digest: TypedJob {
    static let jobName = "digest"
    var edition = 1
}

@Suite(.timeLimit(.minutes(2)))
struct JobScheduleTests {
    private static let hour = Duration.seconds(3600)

    /// A worker with one schedule, and when its handler was called.
    private func worker(
        _ test: TestQueue, _ recurrence: Recurrence, job: Digest = Digest(), name: String = "digest",
        options: JobScheduleOptions = .init(),
        handler: @escaping @Sendable (JobContext) async throws -> Void = { _ in }
    ) throws -> (worker: Worker, runs: Calls<Date>) {
        let runs = Calls<Date>()
        var worker = Worker(test.queue)
        try worker.handle(Digest.self) { _, context in
            runs.add(test.now)
            try await handler(context)
        }
        try worker.schedule(JobSchedule(name, recurrence, job, options: options))
        return (worker, runs)
    }

    private func ticks(of recurrence: Recurrence, after start: Date, through end: Date) -> [Date] {
        var ticks: [Date] = []
        var next = recurrence.next(after: start)
        while let tick = next, tick <= end {
            ticks.append(tick)
            next = recurrence.next(after: tick)
        }
        return ticks
    }

    @Test func eachDayOfAYearHasItsRunAtNineInBerlin() async throws {
        try await withTestQueue { test in
            let start = test.now
            let nine = try Recurrence.crontab("0 9 * * *", in: #require(TimeZone(identifier: "Europe/Berlin")))
            let (worker, runs) = try worker(test, nine)
            try await test.running(worker) { _ in try await test.advance(by: Self.hour * 24 * 365) }
            #expect(runs.all.count == 365)
            #expect(runs.all == ticks(of: nine, after: start, through: test.now))
        }
    }

    @Test(.timeLimit(.minutes(5)), arguments: [1, 2] as [UInt64])
    func tenWorkersThatComeAndGoForAYearRunEachTickOnce(seed: UInt64) async throws {
        try await withTestQueue { test in
            let start = test.now
            var random = SeededGenerator(seed: seed)
            let sixHours = try Recurrence.crontab("0 */6 * * *")
            var options = JobScheduleOptions()
            options.missedTicks = .runAll
            let (worker, _) = try worker(test, sixHours, options: options)
            try await withThrowingTaskGroup(of: Void.self) { group in
                var running: [Consumer] = []
                while test.now < start.addingTimeInterval(365 * 86_400) {
                    switch Int.random(in: 0..<6, using: &random) {
                    case 0..<3 where running.count < 10:
                        let consumer = try worker.makeConsumer()
                        running.append(consumer)
                        let (started, hasStarted) = AsyncStream.makeStream(of: Void.self)
                        group.addTask { try await worker.run(with: consumer) { hasStarted.finish() } }
                        for await _ in started {}
                        await consumer.begun()
                    case 3..<5 where !running.isEmpty:
                        await running.remove(at: .random(in: running.indices, using: &random)).finish()
                    case 5 where !running.isEmpty:
                        await test.crash(running.remove(at: .random(in: running.indices, using: &random)))
                    default: break
                    }
                    try await test.advance(by: Self.hour * Int.random(in: 1...40, using: &random))
                }
                if running.isEmpty {
                    let consumer = try worker.makeConsumer()
                    running.append(consumer)
                    let (started, hasStarted) = AsyncStream.makeStream(of: Void.self)
                    group.addTask { try await worker.run(with: consumer) { hasStarted.finish() } }
                    for await _ in started {}
                    await consumer.begun()
                }
                try await test.advance(by: Self.hour)
                for consumer in running { await consumer.finish() }
                try await group.waitForAll()
            }
            let completed = test.runs.filter { $0.outcome == .completed }
            let ids = completed.map(\.jobID)
            #expect(Set(ids).count == ids.count, "a tick ran twice")
            let expected = ticks(of: sixHours, after: start, through: test.now).count
            // Before the first worker there was nobody to write a tick.
            #expect(completed.count > expected - 40)
            let instants = ids.compactMap { Double($0.description.split(separator: "@").last ?? "") }.sorted()
            let gaps = zip(instants, instants.dropFirst()).map { ($1 - $0) / 1_000_000 }
            #expect(gaps.allSatisfy { $0 == 6 * 3600 }, "a tick was left out: \(gaps.filter { $0 != 6 * 3600 })")
        }
    }

    @Test func missedTicksRunOnceAllOrNotAtAll() async throws {
        for policy in [JobScheduleOptions.MissedTickPolicy.runOnce, .runAll, .skip] {
            try await withTestQueue { test in
                var options = JobScheduleOptions()
                options.missedTicks = policy
                let (worker, runs) = try worker(test, .crontab("0 * * * *"), options: options)
                try await test.running(worker) { _ in try await test.advance(by: Self.hour * 2 + .seconds(60)) }
                #expect(runs.all.count == 2)
                try await test.advance(by: Self.hour * 5)
                try await test.running(worker) { _ in try await test.advance(by: Self.hour) }
                // At 3 to 7 o'clock nobody was there; at 8 somebody is.
                let late = runs.all.count - 3
                #expect(late == (policy == .runAll ? 5 : policy == .runOnce ? 1 : 0), "\(policy)")
            }
        }
    }

    @Test func aTickIsLeftOutWhileAnEarlierOneRuns() async throws {
        try await withTestQueue { test in
            var options = JobScheduleOptions()
            options.overlap = .skip
            let start = test.now
            let (worker, runs) = try worker(test, .crontab("* * * * *"), options: options) { context in
                // The first takes three minutes and a half.
                guard context.fireDate == start.addingTimeInterval(60) else { return }
                try await test.clock.sleep(for: .seconds(210))
            }
            try await test.running(worker) { _ in try await test.advance(by: .seconds(370)) }
            #expect(runs.all.map { $0.timeIntervalSince(start) / 60 } == [1, 5, 6])
        }
    }

    @Test func ticksOfWhatTheScheduleWasEndWithoutRunning() async throws {
        try await withTestQueue { test in
            let (before, earlier) = try worker(test, .crontab("0 12 * * *"))
            try await test.running(before) { _ in try await test.advance(by: Self.hour) }
            let (after, later) = try worker(test, .crontab("0 18 * * *"), job: Digest(edition: 2))
            try await test.running(after) { _ in try await test.advance(by: Self.hour * 24) }
            #expect(earlier.all.isEmpty)
            #expect(later.all.count == 1)
            #expect(await test.scheduled().count == 1)
        }
    }

    @Test func aPausedScheduleGoesOnWithoutRunning() async throws {
        try await withTestQueue { test in
            var options = JobScheduleOptions()
            options.isPaused = true
            let (paused, runs) = try worker(test, .crontab("0 * * * *"), options: options)
            try await test.running(paused) { _ in try await test.advance(by: Self.hour * 5) }
            #expect(runs.all.isEmpty)
            #expect(await test.scheduled().count == 1)
            let (resumed, later) = try worker(test, .crontab("0 * * * *"))
            try await test.running(resumed) { _ in try await test.advance(by: Self.hour) }
            #expect(later.all.count == 1)
        }
    }

    @Test func startEndAndJitterBoundTheTicks() async throws {
        try await withTestQueue { test in
            let start = test.now
            var options = JobScheduleOptions()
            options.start = start.addingTimeInterval(2 * 3600)
            options.end = start.addingTimeInterval(4 * 3600)
            options.jitter = .seconds(600)
            let (worker, runs) = try worker(test, .crontab("0 * * * *"), options: options)
            try await test.running(worker) { _ in try await test.advance(by: Self.hour * 24) }
            let hours = runs.all.map { $0.timeIntervalSince(start) / 3600 }
            #expect(hours.map { $0.rounded(.down) } == [2, 3, 4])
            #expect(hours.allSatisfy { $0 - $0.rounded(.down) < 1.0 / 6 + 0.001 })
            #expect(await test.scheduled().isEmpty)
        }
    }

    @Test func aScheduleIsListedAndTriggeredByHand() async throws {
        try await withTestQueue { test in
            let (worker, runs) = try worker(test, .crontab("0 12 * * *"))
            let summary = try #require(worker.schedules.first)
            #expect(summary.name == "digest")
            #expect(summary.jobType == "digest")
            #expect(summary.next == test.now.addingTimeInterval(12 * 3600))
            try await test.running(worker) { _ in
                try await worker.trigger(schedule: "digest")
                try await test.advance(by: .seconds(1))
            }
            #expect(runs.all.count == 1)
            await #expect(throws: DelayQueueError.self) { try await worker.trigger(schedule: "other") }
        }
    }

    @Test func ticksAreWrittenOnceNodesAreThereAgain() async throws {
        try await withTestQueue { test in
            for index in 0..<3 { await test.stopNode(index) }
            let (worker, runs) = try worker(test, .crontab("0 * * * *"))
            try await test.running(worker) { _ in
                try await test.advance(by: .seconds(30))
                for index in 0..<3 { await test.startNode(index) }
                try await test.advance(by: .seconds(120))
                while await test.scheduled().isEmpty { try await test.advance(by: .seconds(1)) }
                try await test.advance(by: Self.hour)
            }
            #expect(runs.all.count == 1)
        }
    }

    @Test(arguments: [1e13, -1e13, .infinity, .nan])
    func aDateThatCannotBeCountedIsRefused(_ seconds: Double) async throws {
        try await withTestQueue { test in
            let date = Date(timeIntervalSince1970: seconds)
            for options in [JobScheduleOptions(start: date), JobScheduleOptions(end: date)] {
                let error = #expect(throws: DelayQueueError.self) {
                    var worker = Worker(test.queue)
                    try worker.schedule(JobSchedule("digest", .crontab("@daily"), Digest(), options: options))
                }
                let field = options.start == nil ? "its end" : "its start"
                #expect(error?.code == .invalidOption && error?.message.contains(field) == true)
            }
            var worker = Worker(test.queue)
            let always = JobScheduleOptions(start: .distantPast, end: .distantFuture)
            try worker.schedule(JobSchedule("digest", .crontab("@daily"), Digest(), options: always))
            #expect(worker.schedules.first?.next != nil)
        }
    }

    @Test func aScheduleWithoutAHandlerIsRefused() async throws {
        try await withTestQueue { test in
            var worker = Worker(test.queue)
            try worker.schedule(JobSchedule("digest", .crontab("@daily"), Digest()))
            let consumer = try worker.makeConsumer()
            let unfit = worker
            let refusal = await #expect(throws: DelayQueueError.self) { try await unfit.run(with: consumer) }
            #expect(refusal?.code == .invalidOption)
            do {
                try worker.schedule(JobSchedule("digest", .crontab("@hourly"), Digest()))
                Issue.record("two schedules of one name")
            } catch let error as DelayQueueError {
                #expect(error.code == .invalidOption)
            }
        }
    }

    @Test func aTickMetByWorkersWithoutItsScheduleIsKeptForOneThatHasIt() async throws {
        try await withTestQueue { test in
            let (worker, runs) = try worker(test, .crontab("0 1 * * *"))
            try await test.running(worker) { _ in try await test.advance(by: .seconds(60)) }
            // It has neither the schedule nor a handler, and is alone when the tick is due.
            try await test.running(Worker(test.queue)) { _ in
                try await test.advance(by: Self.hour + .seconds(300))
                try await test.running(worker) { _ in try await test.advance(by: .seconds(900)) }
            }
            #expect(runs.all.count == 1)
            #expect(test.runs.allSatisfy { $0.outcome.isGivenBack || $0.outcome == .completed })
            // Its successor was written.
            #expect(await test.scheduled().count == 1)
        }
    }

    @Test(arguments: ["retries", "limit"])
    func aTickClaimedOftenIsNotEndedByAWorkerWithoutItsSchedule(claimed: String) async throws {
        try await withTestQueue { test in
            var worker = Worker(test.queue)
            let ran = Calls<JobID>()
            let other = try JobID("other")
            let options = JobHandlerOptions(
                retryPolicy: JobRetryPolicy { _, _ in .retry(after: .seconds(1)) },
                concurrency: claimed == "limit" ? 1 : nil)
            try worker.handle(Digest.self, options: options) { _, context in
                if context.id == other { return try await test.clock.sleep(for: .seconds(40)) }
                if claimed == "retries", context.failures < 15 { throw Unlucky() }
                ran.add(context.id)
            }
            try worker.schedule(JobSchedule("digest", .crontab("0 1 * * *"), Digest()))
            let knowing = worker
            try await test.running(knowing) { _ in
                try await test.advance(by: Self.hour - .seconds(5))
                if claimed == "limit" {
                    try await test.queue.schedule(Digest(), after: .zero, options: JobOptions(id: other))
                }
                try await test.advance(by: .seconds(claimed == "limit" ? 33 : 18))
            }
            let attempts = test.runs.filter { $0.jobID != other }.map(\.attempt)
            #expect((attempts.max() ?? 0) > 12, "\(attempts)")
            try await test.running(Worker(test.queue)) { _ in try await test.advance(by: .seconds(10)) }
            try await test.running(knowing) { _ in try await test.advance(by: Self.hour) }
            #expect(ran.all.count == 1)
        }
    }

    @Test func missedTicksAllRunThoughAWorkerWithoutTheirScheduleWasThereFirst() async throws {
        try await withTestQueue { test in
            let (worker, runs) = try worker(test, .hourly(), options: JobScheduleOptions(missedTicks: .runAll))
            try await test.running(worker) { _ in try await test.advance(by: Self.hour + .seconds(60)) }
            try await test.advance(by: Self.hour * 72)
            try await test.running(Worker(test.queue)) { _ in try await test.advance(by: .seconds(1)) }
            try await test.running(worker) { _ in try await test.advance(by: Self.hour) }
            #expect(runs.all.count == 74)
            #expect(Set(test.runs.filter { $0.outcome == .completed }.map(\.jobID)).count == 74)
        }
    }

    @Test func aJobWithAHeaderOfItsOwnIsNoTick() async throws {
        try await withTestQueue { test in
            let (worker, runs) = try worker(test, .crontab("0 1 * * *"))
            try await test.running(worker) { _ in
                for name in ["weekly", "digest", ""] {
                    try await test.queue.schedule(
                        Digest(), after: .zero, options: JobOptions(headers: ["schedule": name]))
                }
                try await test.advance(by: .seconds(1))
            }
            #expect(runs.all.count == 3)
        }
    }

    @Test func aTickThatWasRevokedDoesNotEndItsSchedule() async throws {
        try await withTestQueue { test in
            let (worker, runs) = try worker(test, .crontab("0 * * * *"))
            try await test.running(worker) { _ in
                try await test.advance(by: .seconds(60))
                let tick = try #require(await test.scheduled().first)
                #expect(try await test.queue.revoke(tick.id) == .revoked)
                try await test.advance(by: Self.hour * 3)
            }
            #expect(runs.all.count == 2)
        }
    }
}
