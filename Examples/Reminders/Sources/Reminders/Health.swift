import DelayQueue
import Foundation
import Hummingbird

/// Whether the service can do its work: its database and the queue's ledger were asked just now.
///
/// The nodes are not. A queue has no question to ask them, and needs some of them only: reminders are accepted while
/// two are up. Watch them by the metrics.
struct Health: ResponseEncodable {
    private let database: String
    private let ledger: String

    init(_ planner: Planner) async {
        database = await Self.ask { try await planner.store.check() }
        ledger = await Self.ask { _ = try await planner.queue.status(of: JobID("health")) }
    }

    func response(from request: Request, context: some RequestContext) throws -> Response {
        var response = try context.responseEncoder.encode(self, from: request, context: context)
        response.status = database == "ok" && ledger == "ok" ? .ok : .serviceUnavailable
        return response
    }

    private static func ask(_ question: () async throws -> Void) async -> String {
        do {
            try await question()
            return "ok"
        } catch {
            return "\(error)"
        }
    }
}
