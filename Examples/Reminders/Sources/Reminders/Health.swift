import DelayQueue
import Foundation
import Hummingbird

/// Whether the service can do its work: its database and the queue's ledger were asked just now.
///
/// The nodes were not, as a queue has no such question. Two that are up are enough to take reminders; watch them by the
/// metric `dq_node_outages_total`. Where the ledger hangs this takes as long as its time-out: 5 seconds.
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
