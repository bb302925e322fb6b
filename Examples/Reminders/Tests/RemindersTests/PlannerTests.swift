import DelayQueue
import DelayQueueJobs
import DelayQueueTestKit
import Foundation
import Synchronization
import Testing

@testable import Reminders

/// Reminders on a queue in this process, whose clock the tests move.
@Suite(.timeLimit(.minutes(1)))
struct PlannerTests {
    private static let day = Duration.seconds(86_400)

    @Test func aReminderAMonthAheadFiresInTime() async throws {
        try await withTestQueue { test in
            var planner = try Planner(testing: test.queue)
            // Or there would be 8640 of them.
            planner.sweeps = Self.day
            try await test.running(planner.makeWorker()) { [planner] _ in
                let reminder = try await planner.create("rent", due: test.now + 30 * 86_400)
                try await test.advance(by: Self.day * 30 - .seconds(1))
                #expect(try await planner.state(of: reminder) == .waiting)
                try await test.advance(by: .seconds(1))
                #expect(try await planner.state(of: reminder) == .fired)
            }
        }
    }

    @Test func aRevokedReminderDoesNotFire() async throws {
        try await withTestQueue { test in
            let planner = try Planner(testing: test.queue)
            try await test.running(planner.makeWorker()) { _ in
                let reminder = try await planner.create("dentist", due: test.now + 60)
                #expect(try await planner.revoke(reminder.id)?.state == .revoked)
                #expect(try await planner.revoke(reminder.id) == nil)
                try await test.advance(by: .seconds(120))
                #expect(try await planner.state(of: reminder) == .revoked)
                #expect(!test.runs.contains { $0.jobID == reminder.id })
            }
        }
    }

    @Test func aRevokedReminderDoesNotFireWhoseJobCouldNotBeRevoked() async throws {
        try await withTestQueue { test in
            var planner = try Planner(testing: test.queue)
            planner.deliver = { Issue.record("\($0.text) was delivered") }
            let reminder = try await planner.create("dentist", due: test.now + 60)
            // As if the process died between the store and the queue.
            _ = try await planner.store.revoke(reminder.id)
            try await test.running(planner.makeWorker()) { _ in try await test.advance(by: .seconds(120)) }
            #expect(test.runs.first { $0.jobID == reminder.id }?.outcome == .completed)
            #expect(try await planner.state(of: reminder) == .revoked)
        }
    }

    @Test func aDeliveryThatFailsIsTriedAgain() async throws {
        struct MailServerDown: Error {}
        try await withTestQueue { test in
            var planner = try Planner(testing: test.queue)
            let deliveries = Tally()
            planner.deliver = { _ in if deliveries.count() < 3 { throw MailServerDown() } }
            try await test.running(planner.makeWorker()) { _ in
                let reminder = try await planner.create("call back", due: test.now + 1)
                try await test.advance(by: .seconds(600))
                #expect(try await planner.store.find(reminder.id)?.state == .fired)
                #expect(try await planner.store.find(reminder.id)?.attempt == 3)
                #expect(test.runs.filter { $0.jobID == reminder.id }.map(\.attempt) == [1, 2, 3])
            }
        }
    }

    @Test func aReminderIsScheduledByTheSweepWhereTheQueueWasOutOfReach() async throws {
        try await withTestQueue { test in
            let planner = try Planner(testing: test.queue)
            let reminder = Reminder(text: "written, and then the process died", due: test.now + 3600)
            try await planner.store.insert(reminder)
            try await test.running(planner.makeWorker()) { _ in
                try await test.advance(by: .seconds(3599))
                #expect(try await planner.store.unscheduled().isEmpty)
                #expect(try await planner.state(of: reminder) == .waiting)
                try await test.advance(by: .seconds(1))
                #expect(try await planner.state(of: reminder) == .fired)
            }
        }
    }

    @Test func aDigestIsMadeEachDayAndCountsEachReminderOnce() async throws {
        try await withTestQueue { test in
            var planner = try Planner(testing: test.queue)
            planner.sweeps = Self.day
            try await test.running(planner.makeWorker()) { [planner] _ in
                _ = try await planner.create("today", due: test.now + 60)
                _ = try await planner.create("tomorrow", due: test.now + 90_000)
                try await test.advance(by: Self.day * 3)
            }
            let digests = try await planner.store.digests()
            #expect(digests.map(\.fired) == [1, 1, 0])
            #expect(digests.map(\.waiting) == [1, 0, 0])
            let start = Date(timeIntervalSince1970: 1_767_225_600)
            #expect(digests.map { $0.date.timeIntervalSince(start) / 3600 } == [8, 32, 56])
            // A tick that runs twice is told once.
            #expect(try await planner.store.digest(#require(digests.last).id, at: test.now) == nil)
        }
    }
}

/// Counts calls.
final class Tally: Sendable {
    private let calls = Mutex(0)

    /// - Returns: how many there were with this one.
    func count() -> Int {
        calls.withLock { calls in
            calls += 1
            return calls
        }
    }

    var total: Int { calls.withLock { $0 } }
}
