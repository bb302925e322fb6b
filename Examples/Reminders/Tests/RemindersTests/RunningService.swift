import DelayQueue
import Foundation
import ServiceLifecycle

@testable import Reminders

extension Planner {
    /// With a store of its own, in memory.
    init(testing queue: JobQueue) throws {
        self.init(queue: queue, store: try ReminderStore(path: ":memory:"), feed: EventFeed(), digests: "0 8 * * *")
    }

    func state(of reminder: Reminder) async throws -> Reminder.State? {
        try await store.find(reminder.id)?.state
    }
}

extension RemindersService {
    /// Runs the whole service, and ends it as a signal does.
    func running<R>(_ body: (_ address: String) async throws -> R) async throws -> R {
        try await running({ try $0.makeGroup() }, body)
    }

    /// Runs the server without worker and queue, which the test runs itself.
    func serving<R>(_ body: (_ address: String) async throws -> R) async throws -> R {
        try await running({ ServiceGroup(services: [$0.makeServer()], logger: planner.logger) }, body)
    }

    private func running<R>(
        _ make: (RemindersService) throws -> ServiceGroup, _ body: (_ address: String) async throws -> R
    ) async throws -> R {
        let (addresses, address) = AsyncStream.makeStream(of: String.self)
        var service = self
        service.whenListening = { address.yield($0) }
        let group = try make(service)
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { address.finish() }
                try await group.run()
            }
            for await address in addresses {
                let result = try await body(address)
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
                return result
            }
            try await tasks.waitForAll()
            throw CancellationError()
        }
    }
}
