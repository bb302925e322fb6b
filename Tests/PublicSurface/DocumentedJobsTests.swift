import DelayQueue
import DelayQueueJobs
import DelayQueueTestKit
import Foundation
import Logging
import Testing

// What README.md shows of jobs as Swift types, written as a user would.

private struct SendInvoice: TypedJob {
    static let jobName = "send-invoice"
    let number: Int
}

private struct Mailer {
    func sendInvoice(_ number: Int, logger: Logger) async throws {
        logger.debug("sent", metadata: ["number": "\(number)"])
    }
}

@Suite struct DocumentedJobsTests {
    private let mailer = Mailer()

    private func makeWorker(_ queue: JobQueue) throws -> Worker {
        let berlin = try #require(TimeZone(identifier: "Europe/Berlin"))
        var worker = Worker(queue)
        try worker.handle(SendInvoice.self) { job, context in
            try await mailer.sendInvoice(job.number, logger: context.logger)
        }
        try worker.schedule(JobSchedule("first-of-month", .crontab("0 9 1 * *", in: berlin), SendInvoice(number: 0)))
        return worker
    }

    @Test func aQueueIsMadeOfAnAddress() async throws {
        let queue = try JobQueue("dq://10.0.0.1,10.0.0.2,10.0.0.3/invoices?ledger=redis://10.0.0.4:6379")
        #expect(try makeWorker(queue).schedules.map(\.name) == ["first-of-month"])
        await queue.close()
    }

    private struct Invoice {
        let number: Int
        let date: Date
    }

    @Test func manyJobsAreScheduledTogether() async throws {
        try await withTestQueue { test in
            let queue = test.queue
            let invoices = (1...3).map { Invoice(number: $0, date: test.now.addingTimeInterval(60)) }
            let results = await queue.schedule(invoices.map { (SendInvoice(number: $0.number), $0.date) })
            #expect(try results.map { try $0.get().fireDate } == invoices.map(\.date))
            let mixed = await queue.schedule([
                try JobRequest(SendInvoice(number: 42), after: .seconds(60)), JobRequest(delay: .seconds(60), "text"),
            ])
            #expect(try mixed.map { try $0.get().copies } == [3, 3])
        }
    }

    @Test func logsAreLookedThroughByTheirKeys() throws {
        let context = try JobContext.test(SendInvoice(number: 1), id: JobID("invoice-1"))
        #expect(context.logger[metadataKey: LogKey.job] == "invoice-1")
    }

    private func sendInvoice(_ job: SendInvoice, _ context: JobContext) async throws {
        try await mailer.sendInvoice(job.number, logger: context.logger)
        if context.failures > 1 { try await context.job.bury(reason: "too often") }
    }

    @Test func aHandlerIsTestedInOneLine() async throws {
        try await sendInvoice(SendInvoice(number: 1), JobContext.test(SendInvoice(number: 1), failures: 2))
        let context = try JobContext.test(SendInvoice(number: 1), failures: 2)
        try await sendInvoice(SendInvoice(number: 1), context)
        #expect(context.job.testOutcome == .buried("too often"))
        try await withTestQueue { test in
            let worker = try makeWorker(test.queue)
            #expect(try await test.outcome(of: .test(SendInvoice(number: 1)), by: worker) == .completed)
        }
    }

    @Test func aMonthIsTestedWithoutServers() async throws {
        try await withTestQueue { test in
            try await test.running(makeWorker(test.queue)) { _ in
                try await test.queue.schedule(SendInvoice(number: 42), after: .seconds(30 * 86_400))
                try await test.advance(by: .seconds(30 * 86_400))
                // The first of January, and number 42.
                #expect(test.runs.map(\.outcome) == [.completed, .completed])
            }
        }
    }
}
