import DelayQueue
import DelayQueueJobs
import DelayQueueTestKit
import Foundation
import Testing

@testable import Reminders

/// Runs that were overtaken.
@Suite(.timeLimit(.minutes(1)))
struct FencingTests {
    @Test func aRunThatWasOvertakenChangesNothing() async throws {
        let store = try ReminderStore(path: ":memory:")
        let reminder = Reminder(text: "rent", due: .now)
        try await store.insert(reminder)
        #expect(try await store.begin(reminder.id, attempt: 1) != nil)
        #expect(try await store.begin(reminder.id, attempt: 2) != nil)
        await #expect(throws: ReminderStore.StaleAttempt.self) { try await store.begin(reminder.id, attempt: 1) }
        await #expect(throws: ReminderStore.StaleAttempt.self) { try await store.fire(reminder.id, attempt: 1) }
        #expect(try await store.find(reminder.id)?.state == .waiting)
        #expect(try await store.fire(reminder.id, attempt: 2)?.state == .fired)
        #expect(try await store.fire(reminder.id, attempt: 2) == nil)
    }

    /// A process hangs in the midst of a delivery, for longer than its lease, and goes on as if nothing had been, while another
    /// one delivers.
    @Test func aProcessThatHungDoesNotFireWhatAnotherOneIsDelivering() async throws {
        try await withTestQueue { test in
            var planner = try Planner(testing: test.queue)
            let (deliveries, clock) = (Tally(), test.clock)
            planner.timeout = .seconds(86_400)
            planner.deliver = { _ in try await clock.sleep(for: .seconds(deliveries.count() * 100)) }
            let reminder = try await planner.create("rent", due: test.now + 1)
            try await test.running(planner.makeWorker()) { consumer in
                try await test.advance(by: .seconds(2))
                await test.crash(consumer)
                try await test.running(planner.makeWorker()) { _ in
                    try await test.advance(by: .seconds(150))
                    #expect(deliveries.total == 2)
                    #expect(try await planner.store.find(reminder.id)?.attempt == 2)
                    // The first has ended, and its write was refused.
                    #expect(try await planner.state(of: reminder) == .waiting)
                    try await test.advance(by: .seconds(150))
                    #expect(try await planner.state(of: reminder) == .fired)
                }
            }
            let runs = test.runs.filter { $0.jobID == reminder.id }
            #expect(runs.map(\.outcome) == [.leaseEnded, .completed])
        }
    }

    @Test func aReminderIsDeliveredAndFiredOnceThoughItsJobRunsTwice() async throws {
        try await withTestQueue { test in
            var planner = try Planner(testing: test.queue)
            let deliveries = Tally()
            planner.deliver = { _ in _ = deliveries.count() }
            let reminder = try await planner.create("rent", due: test.now + 1)
            try await test.running(planner.makeWorker()) { _ in
                try await test.advance(by: .seconds(1))
                // The same reminder once more, by another job.
                try await test.queue.schedule(RemindJob(reminder: reminder.id), after: .seconds(1))
                try await test.advance(by: .seconds(1))
            }
            #expect(test.runs.count { $0.outcome == .completed } == 2)
            #expect(deliveries.total == 1)
            #expect(try await planner.state(of: reminder) == .fired)
        }
    }
}
