import DelayQueue
import DelayQueueTestKit
import Foundation
import InMemoryTracing
import Testing
import Tracing

@testable import Reminders

/// What a tracer is told of a request, and of the job that it schedules.
@Suite(.timeLimit(.minutes(1)))
struct TracingTests {
    private struct MailServerDown: Error {}

    /// One for the whole process, so what is expected is looked for by its queue and trace.
    private static let tracer: InMemoryTracer = {
        let tracer = InMemoryTracer()
        InstrumentationSystem.bootstrap(tracer)
        return tracer
    }()

    @Test func aTraceGoesFromTheRequestToTheJobAndItsRetry() async throws {
        let tracer = Self.tracer
        try await withTestQueue("traced") { test in
            var planner = try Planner(testing: test.queue)
            let deliveries = Tally()
            planner.deliver = { _ in if deliveries.count() == 1 { throw MailServerDown() } }
            var service = RemindersService(planner: planner, metrics: PrometheusMetrics())
            service.now = { test.now }
            try await test.running(planner.makeWorker()) { _ in
                try await service.serving { address in
                    let client = try HTTPClient(address)
                    #expect(try await client.send("POST", "/reminders", #"{"text":"rent","seconds":60}"#).status == 201)
                    try await test.advance(by: .seconds(120))
                }
            }
        }
        let spans = tracer.finishedSpans
        let publish = try #require(spans.first { $0.operationName == "traced publish" })
        let request = try #require(spans.first { $0.spanID == publish.parentSpanID })
        #expect(request.operationName == "/reminders")
        #expect(request.kind == .server)
        #expect(request.traceID == publish.traceID)
        let runs = spans.filter { span in
            span.operationName == "traced process" && span.attributes.get("dq.job.type") == "remind"
        }
        #expect(runs.map { $0.attributes.get("dq.job.attempt") } == [1, 2])
        #expect(runs.map { $0.status?.code } == [.error, nil])
        for run in runs {
            let links = run.links.compactMap(\.context.inMemorySpanContext)
            #expect(links.map(\.traceID) == [request.traceID])
            #expect(links.map(\.spanID) == [publish.spanID])
        }
    }
}
