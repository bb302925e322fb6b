import DelayQueue
import DelayQueueJobs
import DelayQueueTestKit
import Foundation
import Testing

@Suite(.timeLimit(.minutes(1)))
struct SchedulingTests {
    @Test func theSameKeyIsOneJobUntilItsWindowIsOver() async throws {
        try await withTestQueue { test in
            var worker = Worker(test.queue)
            try worker.handle(SendInvoice.self) { _, _ in }
            try await test.running(worker) { _ in
                let unique = JobUniqueness.key("customer-7", within: .seconds(3600))
                let first = try await test.queue.schedule(SendInvoice(number: 1), after: .seconds(60), unique: unique)
                guard case .scheduled(let receipt) = first else {
                    Issue.record("\(first)")
                    return
                }
                // Waiting, with another date and body, and done.
                for delay in [60, 120] {
                    let again = try await test.queue.schedule(
                        SendInvoice(number: 2), after: .seconds(delay), unique: unique)
                    #expect(again == .duplicate(of: receipt.jobID))
                }
                try await test.advance(by: .seconds(600))
                let after = try await test.queue.schedule(SendInvoice(number: 3), after: .zero, unique: unique)
                #expect(after == .duplicate(of: receipt.jobID))
                // Another key, another type of window, another window.
                let other = try await test.queue.schedule(
                    SendInvoice(number: 4), after: .zero, unique: .key("customer-8", within: .seconds(3600)))
                #expect(other != .duplicate(of: receipt.jobID))
                try await test.advance(by: .seconds(3600))
                if case .duplicate = try await test.queue.schedule(SendInvoice(number: 5), after: .zero, unique: unique)
                {
                    Issue.record("a key of a window that is over")
                }
                try await test.advance(by: .seconds(10))
            }
            #expect(test.runs.count { $0.outcome == .completed } == 3)
        }
    }

    @Test(arguments: ["", String(repeating: "x", count: 61), "with space"]) func badKeysAreRefused(key: String)
        async throws
    {
        try await withTestQueue { test in
            await #expect(throws: DelayQueueError.self) {
                try await test.queue.schedule(
                    SendInvoice(number: 1), after: .zero, unique: .key(key, within: .seconds(60)))
            }
            #expect(await test.scheduled().isEmpty)
        }
    }

    @Test func aWindowIsNoLongerThanTheLedgerRemembers() async throws {
        try await withTestQueue { test in
            let error = await #expect(throws: DelayQueueError.self) {
                try await test.queue.schedule(
                    SendInvoice(number: 1), after: .zero, unique: .key("x", within: .seconds(2 * 86_400)))
            }
            #expect(error?.code == .invalidOption)
            #expect(error?.message.contains("retentionOfUnknownCopies") == true)
        }
    }

    @Test func aClosedQueueMakesNoConsumers() async throws {
        try await withTestQueue { test in
            await test.queue.close(within: .zero)
            #expect(throws: DelayQueueError.self) { try test.queue.makeConsumer() }
        }
    }

    @Test func aJobIsMovedAndItsStatusTold() async throws {
        try await withTestQueue { test in
            let id = try JobID("invoice-42")
            let job = SendInvoice(number: 42)
            let start = test.now
            try await test.queue.schedule(job, after: .seconds(3600), options: .init(id: id))
            var worker = Worker(test.queue)
            try worker.handle(SendInvoice.self) { _, _ in }
            try await test.running(worker) { _ in
                try await test.queue.move(job, id: id, to: start.addingTimeInterval(600))
                #expect(try await test.queue.status(of: id).fireDate == start.addingTimeInterval(600))
                try await test.advance(by: .seconds(7200))
                #expect(try await test.queue.status(of: id).state == .done)
            }
            #expect(test.runs.map(\.outcome) == [.completed])
            #expect(test.runs.map { $0.claimed.timeIntervalSince(start) } == [600])
        }
    }

    @Test func anAddressTellsTheWholeQueue() throws {
        let queue = try JobQueue(
            "dq://10.0.0.1,10.0.0.2:11301,[::1]/invoices?ledger=redis://:p%40ss@10.0.0.4:6379/2&lease=1m&copy-mode=together"
        )
        #expect(queue.name == "invoices")
        #expect(
            queue.nodes.map(\.description) == [
                "10.0.0.1:11300/invoices", "10.0.0.2:11301/invoices", "[::1]:11300/invoices",
            ])
        #expect(queue.configuration.timing.lease == .seconds(60))
        #expect(queue.configuration.copyMode == .together)
    }

    @Test(arguments: [
        ("invoices", "begins with dq://"), ("dq://a,b", "the queue's name is missing"),
        ("dq://a,b/x", "the ledger is missing"),
        ("dq://a,,b/x?ledger=redis://h", "the 2nd node is not host"),
        ("dq://a,b/x?ledger=redis://h&copies=two", "copies is not a whole number"),
        ("dq://a,b/x?ledger=redis://h&lease=5", "lease is not a number and ms"),
        ("dq://a,b/x?ledger=redis://h&leaze=5s", "the 2nd parameter is not known"),
        ("dq://a,b/x?ledger=%+5", "badly percent-encoded"), ("dq://a,b/x?ledger=%zz", "badly percent-encoded"),
        ("dq://a/x?ledger=redis://h", "minimumWritten"),
        ("dq://a,b/x y?ledger=redis://h", "must be 1 to 183"),
    ])
    func aBadAddressIsToldWithItsMend(text: String, problem: String) {
        do {
            _ = try JobQueue(text)
            Issue.record("\(text) was taken")
        } catch {
            #expect(error.code == .invalidConfiguration)
            #expect(error.message.contains(problem), "\(error)")
        }
    }

    @Test(arguments: [
        ("dq://a,b/x?ledger=redis://:open&sesame@h", "the 2nd parameter is not known"),
        ("dq://a,b/x?ledger=redis://:open&lease=sesame@h", "lease is not a number"),
        ("dq://a,b/x?ledger=redis://:open%sesame@h", "badly percent-encoded"),
        ("dq://a,b/x?ledger=redis://:sesame@h&copies", "copies has no value"),
        ("dq://user:sesame@a,b/x?ledger=redis://h", "the 1st node is not host"),
        ("dq://a,sesame@b/x?ledger=redis://h", "the 2nd node is not host"),
        ("dq://user:open/sesame@a,b/x?ledger=redis://h", "the queue's name"),
        ("dq://user:open?sesame@a,b/x?ledger=redis://h", "the 1st parameter is not known"),
        ("redis://:sesame@h", "begins with dq://"),
    ])
    func aPasswordInABadAddressIsInNoMessage(text: String, problem: String) {
        let error = #expect(throws: DelayQueueError.self) { try JobQueue(text) }
        let message = error.map { "\($0)" } ?? ""
        #expect(message.contains(problem), "\(message)")
        #expect(!message.contains("sesame") && !message.contains("open"), "\(message)")
    }
}
