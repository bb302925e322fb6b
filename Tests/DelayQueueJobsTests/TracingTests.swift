import DelayQueue
import DelayQueueJobs
import DelayQueueTestKit
import Foundation
import InMemoryTracing
import Instrumentation
import Testing
import Tracing

/// What is told to a tracer. One is installed for the whole process, so all that is expected is looked for by its trace.
@Suite(.timeLimit(.minutes(1)), .serialized)
struct TracingTests {
    private static let tracer: InMemoryTracer = {
        let tracer = InMemoryTracer()
        InstrumentationSystem.bootstrap(tracer)
        return tracer
    }()

    @Test func aTraceGoesFromARequestThroughTheJobAndItsRetry() async throws {
        let tracer = Self.tracer
        try await withTestQueue("traced") { test in
            var worker = Worker(test.queue)
            try worker.handle(SendInvoice.self) { _, context in if context.failures == 0 { throw Unlucky() } }
            try await test.running(worker) { _ in
                try await withSpan("GET /invoices") { _ in
                    _ = try await test.queue.schedule(SendInvoice(number: 1), after: .seconds(60))
                }
                try await test.advance(by: .seconds(120))
            }
        }
        let spans = tracer.finishedSpans
        let request = try #require(spans.first { $0.operationName == "GET /invoices" })
        let publish = try #require(spans.first { $0.operationName == "traced publish" })
        let runs = spans.filter { $0.operationName == "traced process" }
        #expect(publish.traceID == request.traceID)
        #expect(publish.parentSpanID == request.spanID)
        #expect(publish.attributes.get("messaging.system") == "delayqueue")
        #expect(publish.attributes.get("messaging.operation.type") == "publish")
        #expect(publish.attributes.get("messaging.destination.name") == "traced")
        #expect(runs.count == 2)
        for run in runs {
            #expect(run.links.map(\.context.inMemorySpanContext?.spanID) == [publish.spanID])
            #expect(run.attributes.get("dq.job.type") == "send-invoice")
            #expect(run.attributes.get("messaging.message.id") == publish.attributes.get("messaging.message.id"))
        }
        #expect(runs.map(\.errors.count) == [1, 0])
        #expect(runs.first?.status?.code == .error)
    }

    @Test func aCallThatIsRepeatedInAnotherTraceIsTheSameJob() async throws {
        _ = Self.tracer
        try await withTestQueue("repeated") { test in
            let date = test.now.addingTimeInterval(60)
            let options = JobOptions(id: try JobID("invoice-1"), headers: ["tenant": "a"])
            let first = try await test.queue.schedule(SendInvoice(number: 1), at: date, options: options)
            let again = try await test.queue.schedule(SendInvoice(number: 1), at: date, options: options)
            #expect(!first.wasScheduledBefore && again.wasScheduledBefore)
            let waiting = await test.scheduled()
            #expect(waiting.map { $0.headers["tenant"] } == ["a"])
            // The trace of the first travels all the same.
            #expect(waiting.first.map { $0.headers.count > 3 } == true, "\(waiting)")
            let other = JobOptions(id: options.id, headers: ["tenant": "b"])
            await #expect(throws: DelayQueueError.self) {
                try await test.queue.schedule(SendInvoice(number: 1), at: date, options: other)
            }
        }
    }

    @Test func aBatchIsOneSpanThatEachOfItsRunsIsLinkedTo() async throws {
        struct Picky: TypedJob {
            static let jobName = "picky"
            let number: Double
        }
        let tracer = Self.tracer
        try await withTestQueue("batched") { test in
            var worker = Worker(test.queue)
            try worker.handle(SendInvoice.self) { _, _ in }
            try worker.handle(Picky.self) { _, _ in }
            try await test.running(worker) { _ in
                try await withSpan("POST /invoices") { _ in
                    let date = test.now.addingTimeInterval(60)
                    let typed = await test.queue.schedule((1...3).map { (SendInvoice(number: $0), date) })
                    #expect(try typed.map { try $0.get().fireDate } == [date, date, date])
                    // What JSON cannot say, and what is past, are refused in their places.
                    let some = await test.queue.schedule([
                        (Picky(number: .infinity), date), (Picky(number: 1), date), (Picky(number: 2), .distantPast),
                    ])
                    #expect(some.map(\.code) == [.invalidBody, nil, .dateInPast])
                    let mixed = await test.queue.schedule([
                        try JobRequest(SendInvoice(number: 4), at: date), try JobRequest(Picky(number: 3), at: date),
                        JobRequest(delay: .seconds(86_400), "go", options: .init(format: .goQueue)),
                    ])
                    #expect(mixed.map(\.code) == [nil, nil, nil])
                    #expect(await test.queue.schedule([]).isEmpty)
                }
                try await test.advance(by: .seconds(120))
            }
            #expect(test.runs.count { $0.outcome == .completed } == 6)
        }
        let spans = tracer.finishedSpans
        let request = try #require(spans.first { $0.operationName == "POST /invoices" })
        let publishes = spans.filter { $0.operationName == "batched publish" }
        #expect(publishes.map(\.parentSpanID) == [request.spanID, request.spanID, request.spanID])
        #expect(publishes.map { $0.attributes.get("messaging.batch.message_count") } == [3, 2, 3])
        #expect(publishes.map { $0.attributes.get("dq.job.type") } == ["send-invoice", "picky", nil])
        #expect(publishes.map { $0.attributes.get("error.type") } == [nil, "dateInPast", nil])
        let runs = spans.filter { $0.operationName == "batched process" }
        let origins = runs.flatMap(\.links).compactMap { $0.context.inMemorySpanContext?.spanID }
        #expect(publishes.map { publish in origins.count { $0 == publish.spanID } } == [3, 1, 2])
    }

    @Test func aTicksRunBeginsATraceWhoeverWroteIt() async throws {
        let tracer = Self.tracer
        try await withTestQueue("ticking") { test in
            func worker() throws -> Worker {
                var worker = Worker(test.queue)
                try worker.handle(SendInvoice.self) { _, _ in }
                try worker.schedule(JobSchedule("hourly", .hourly(), SendInvoice(number: 0)))
                return worker
            }
            // Both write the same ticks, each within a trace of its own.
            try await withSpan("first worker") { _ in
                try await test.running(worker()) { _ in
                    try await withSpan("second worker") { _ in
                        try await test.running(worker()) { _ in try await test.advance(by: .seconds(3 * 3600 + 1)) }
                    }
                }
            }
            #expect(test.runs.map(\.outcome) == [.completed, .completed, .completed])
            let tick = try #require(await test.scheduled().first)
            #expect(
                tick.headers
                    == ["schedule": "hourly", "job-type": "send-invoice", "content-type": "application/json"])
        }
        let spans = tracer.finishedSpans
        let runs = spans.filter { $0.operationName == "ticking process" }
        #expect(runs.map(\.parentSpanID) == [nil, nil, nil])
        #expect(Set(runs.map(\.traceID)).count == 3)
        #expect(runs.allSatisfy { $0.links.isEmpty && $0.attributes.get("dq.schedule") == "hourly" })
        #expect(!spans.contains { $0.operationName == "ticking publish" })
    }

    @Test func aTriggeredScheduleRunsInTheTraceOfItsTrigger() async throws {
        let tracer = Self.tracer
        try await withTestQueue("triggered") { test in
            var worker = Worker(test.queue)
            try worker.handle(SendInvoice.self) { _, _ in }
            try worker.schedule(JobSchedule("yearly", .crontab("@yearly"), SendInvoice(number: 0)))
            let ready = worker
            try await test.running(ready) { _ in
                try await withSpan("POST /trigger") { _ in _ = try await ready.trigger(schedule: "yearly") }
                try await test.advance(by: .seconds(1))
            }
        }
        let spans = tracer.finishedSpans
        let trigger = try #require(spans.first { $0.operationName == "POST /trigger" })
        let publish = try #require(spans.first { $0.operationName == "triggered publish" })
        let run = try #require(spans.first { $0.operationName == "triggered process" })
        #expect(publish.parentSpanID == trigger.spanID)
        #expect(run.links.map(\.context.inMemorySpanContext?.spanID) == [publish.spanID])
    }
}

extension Result where Failure == DelayQueueError {
    /// Why a job was refused; nil where it was not.
    fileprivate var code: DelayQueueError.Code? { if case .failure(let error) = self { error.code } else { nil } }
}
