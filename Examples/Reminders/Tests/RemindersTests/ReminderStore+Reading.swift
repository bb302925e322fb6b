import DelayQueue
import GRDB

@testable import Reminders

extension ReminderStore {
    func find(_ id: JobID) async throws -> Reminder? {
        try await database.read { try Reminder.fetchOne($0, key: id.description) }
    }

    func digests() async throws -> [Digest] {
        try await database.read { try Digest.fetchAll($0, sql: "SELECT * FROM digest ORDER BY date") }
    }
}
