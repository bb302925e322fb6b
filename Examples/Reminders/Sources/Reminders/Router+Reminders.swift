import DelayQueue
import Foundation
import Hummingbird
import ServiceLifecycle

/// What the service answers to. Each request is a span, to which the spans of its job are linked.
///
/// - Parameter now: dates of requests are measured against it.
func makeRouter(
    _ planner: Planner, metrics: PrometheusMetrics, now: @escaping @Sendable () -> Date
) -> Router<BasicRequestContext> {
    let router = Router()
    router.addMiddleware {
        TracingMiddleware()
        MetricsMiddleware()
        // Scripts come from this server only: what somebody typed is never run.
        ContentSecurityMiddleware()
    }
    router.get { _, _ in file(PackageResources.page_html, "text/html; charset=utf-8") }
    router.get("page.js") { _, _ in file(PackageResources.page_js, "text/javascript; charset=utf-8") }
    router.get("page.css") { _, _ in file(PackageResources.page_css, "text/css; charset=utf-8") }

    router.get("reminders") { _, _ in try await planner.store.shown() }
    router.post("reminders") { request, context in
        let (text, due) = try await request.decode(as: RequestedReminder.self, context: context).checked(now: now())
        return EditedResponse(status: .created, response: try await planner.create(text, due: due))
    }
    router.delete("reminders/:id") { _, context in
        guard let id = try? JobID(context.parameters.require("id")), let reminder = try await planner.revoke(id) else {
            throw HTTPError(.notFound, message: "no reminder of this id waits")
        }
        return reminder
    }

    router.get("events") { request, _ in
        Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                // Ends where the page is closed or the service shuts down.
                try await request.body.consumeWithCancellationOnInboundClose { _ in
                    for await event in planner.feed.events().cancelOnGracefulShutdown() {
                        try await writer.write(event)
                    }
                    try await writer.finish(nil)
                }
            })
    }
    router.get("metrics") { _, _ in
        Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.text)))
    }
    router.get("health") { _, _ in await Health(planner) }
    return router
}

private func file(_ bytes: [UInt8], _ type: String) -> Response {
    Response(status: .ok, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
}
