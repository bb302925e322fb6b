import DelayQueue
import DelayQueueJobs
import DelayQueueTestKit
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
}
