import DelayQueue
import DelayQueueJobs
import DelayQueueTestKit
import Foundation
import Logging
import Testing

/// Jobs and contexts that a test makes for a handler.
@Suite(.timeLimit(.minutes(1)))
struct HandlerUnitTests {
    @Test(arguments: [Duration.seconds(Int64.max), .seconds(Int64.min)])
    func whateverTimeRemainsIsNoMoreThanAClockShows(_ time: Duration) throws {
        let context = try JobContext.test(SendInvoice(number: 1), timeRemaining: time)
        #expect(context.timeRemaining.map { $0 >= .zero && $0 <= .seconds(36_525 * 86_400) } == true)
    }

    @Test func aContextSaysWhatTheTestWants() throws {
        let date = Date(timeIntervalSince1970: 1_767_225_600)
        let context = try JobContext.test(
            SendInvoice(number: 1), id: JobID("invoice-1"), headers: ["tenant": "7"], attempt: 4, failures: 2,
            fireDate: date, lateness: .seconds(3), isLeaseLost: true, timeRemaining: .seconds(20))
        #expect(context.jobType == "send-invoice")
        #expect(context.id.description == "invoice-1")
        #expect(context.attempt == 4 && context.failures == 2)
        #expect(context.fireDate == date && context.lateness == .seconds(3))
        #expect(context.isLeaseLost)
        #expect(context.timeRemaining == .seconds(20))
        #expect(
            context.headers == ["tenant": "7", "job-type": "send-invoice", "content-type": "application/json"])
        #expect(try context.job.decode(SendInvoice.self) == SendInvoice(number: 1))
        #expect(context.logger[metadataKey: "dq.job"] == "invoice-1")
        #expect(context.logger[metadataKey: "dq.type"] == "send-invoice")
        #expect(context.logger[metadataKey: "dq.attempt"] == "4")
    }

    @Test func aContextIsAFirstRunInTimeWithoutMore() throws {
        let context = try JobContext.test(SendInvoice(number: 1))
        #expect(context.attempt == 1 && context.failures == 0 && context.lateness == .zero)
        #expect(!context.isLeaseLost && context.timeRemaining == nil)
        #expect(try JobContext.test(SendInvoice(number: 1), failures: 2, endedLeases: 1).attempt == 4)
    }

    @Test func whatAHandlerSettlesByIsRecorded() async throws {
        let complete = try Job.test("body")
        #expect(complete.text == "body" && complete.headers.isEmpty)
        #expect(complete.testOutcome == .running)
        try await complete.complete()
        #expect(complete.testOutcome == .completed)
        let soon = try Job.test("body")
        soon.completeSoon()
        #expect(soon.testOutcome == .completed)
        let retry = try Job.test("body", failures: 2)
        try await retry.retry(after: .seconds(7))
        #expect(retry.testOutcome == .retried(after: .seconds(7)))
        let policy = try Job.test("body", failures: 2)
        try await policy.retry()
        #expect(policy.testOutcome == .retried(after: .seconds(4)))
        let back = try Job.test("body", isLeaseLost: true)
        try await back.giveBack(after: .seconds(5))
        #expect(back.testOutcome == .givenBack(after: .seconds(5)))
        let dead = try Job.test(.json(SendInvoice(number: 1)))
        try await dead.bury(reason: "no such invoice")
        #expect(dead.testOutcome == .buried("no such invoice"))
        #expect(dead.headers["content-type"] == "application/json")
    }

    @Test func aJobIsSettledOnce() async throws {
        let job = try Job.test("body")
        try await job.complete()
        let error = await #expect(throws: DelayQueueError.self) { try await job.bury(reason: "again") }
        #expect(error?.code == .alreadySettled)
        job.completeSoon()
        #expect(job.testOutcome == .completed)
    }

    @Test func whatCouldNotBeScheduledIsRefused() {
        #expect(throws: DelayQueueError.self) { try Job.test("body", headers: ["Capital": "x"]) }
        #expect(throws: DelayQueueError.self) { try JobContext.test(SendInvoice(number: 1), fireDate: .distantFuture) }
    }

    // MARK: A worker's verdict

    private func worker(_ test: TestQueue) throws -> Worker {
        var options = JobHandlerOptions()
        options.timeout = .seconds(30)
        options.retryPolicy = JobRetryPolicy { error, failures in
            failures < 3 ? .retry(after: .seconds(failures)) : .bury("\(error)")
        }
        var worker = Worker(test.queue)
        try worker.handle(SendInvoice.self, options: options) { job, context in
            switch job.number {
            case 1: throw Unlucky()
            case 2: try await test.clock.sleep(for: .seconds(60))
            case 3: throw JobVerdict.giveBack(after: .seconds(9))
            case 4: try await context.job.bury(reason: "by itself")
            default: break
            }
        }
        return worker
    }

    @Test func whatAWorkerMakesOfAJobIsToldInOneLine() async throws {
        try await withTestQueue { test in
            let worker = try worker(test)
            #expect(try await test.outcome(of: .test(SendInvoice(number: 0)), by: worker) == .completed)
            #expect(
                try await test.outcome(of: .test(SendInvoice(number: 1), failures: 1), by: worker)
                    == .retried(after: .seconds(2)))
            #expect(
                try await test.outcome(of: .test(SendInvoice(number: 1), failures: 2), by: worker)
                    == .buried("Unlucky()"))
            #expect(
                try await test.outcome(of: .test(SendInvoice(number: 2), failures: 2), by: worker)
                    == .buried("the handler took longer than its time-out of 30.0 seconds"))
            #expect(
                try await test.outcome(of: .test(SendInvoice(number: 3)), by: worker) == .givenBack(after: .seconds(9)))
            #expect(try await test.outcome(of: .test(SendInvoice(number: 4)), by: worker) == .buried("by itself"))
            #expect(
                try await test.outcome(of: .test("plain"), by: worker)
                    == .buried("it has no type: its header job-type is missing"))
            // Another worker may run it by now.
            #expect(
                try await test.outcome(of: .test(SendInvoice(number: 1), isLeaseLost: true), by: worker)
                    == .givenBack(after: .zero))
            #expect(test.runs.isEmpty)
        }
    }

    @Test func aClaimedJobIsNotTried() async throws {
        try await withTestQueue { test in
            let worker = try worker(test)
            let codes = Calls<TestKitError.Code>()
            try await test.running { job in
                #expect(job.testOutcome == nil)
                do { _ = try await test.outcome(of: job, by: worker) } catch let error as TestKitError {
                    codes.add(error.code)
                }
            } _: { _ in
                try await test.queue.producer.delay(.zero, "x")
                try await test.advance(by: .seconds(1))
            }
            #expect(codes.all == [.notATestJob])
        }
    }
}

extension TestRun.Outcome {
    /// Whether the run counts as none, whatever the wait.
    var isGivenBack: Bool { if case .givenBack = self { true } else { false } }
}
