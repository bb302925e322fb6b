import DelayQueue
import Foundation
import GRDB

/// The reminders, in SQLite. It decides what becomes of each: a job that runs twice, or runs although it was revoked, changes
/// nothing here.
struct ReminderStore: Sendable {
    /// A later run of the job has begun: what this one writes is refused.
    ///
    /// Where the ledger lost its records attempts begin again at 1. Then runs are refused too, and tried again, until they
    /// have caught up.
    struct StaleAttempt: Error {
        let id: JobID
        let attempt: Int
    }

    let database: DatabaseQueue

    /// - Parameter path: of its file; `:memory:` for none.
    init(path: String) throws {
        database = try DatabaseQueue(path: path)
        var migrator = DatabaseMigrator()
        migrator.registerMigration("first") { db in
            try db.create(table: "reminder") { table in
                table.primaryKey("id", .text)
                table.column("text", .text).notNull()
                table.column("due", .datetime).notNull()
                table.column("state", .text).notNull().indexed()
                table.column("attempt", .integer).notNull()
                table.column("isScheduled", .boolean).notNull()
                table.column("isTold", .boolean).notNull().defaults(to: false)
            }
            try db.create(table: "digest") { table in
                table.primaryKey("id", .text)
                table.column("date", .datetime).notNull()
                table.column("fired", .integer).notNull()
                table.column("waiting", .integer).notNull()
            }
        }
        try migrator.migrate(database)
    }

    /// Those that wait, the next one first, and those that fired last.
    func shown() async throws -> [Reminder] {
        try await database.read { db in
            try Reminder.fetchAll(
                db, sql: "SELECT * FROM reminder WHERE state = 'waiting' ORDER BY due, id LIMIT 1000")
                + Reminder.fetchAll(
                    db, sql: "SELECT * FROM reminder WHERE state = 'fired' ORDER BY due DESC, id LIMIT 50")
        }
    }

    /// - Throws: where it cannot be read.
    func check() async throws {
        _ = try await database.read { try Int.fetchOne($0, sql: "SELECT 1") }
    }

    func insert(_ reminder: Reminder) async throws {
        try await database.write { try reminder.insert($0) }
    }

    // MARK: Scheduling

    /// Those that wait, and may not be in the queue.
    func unscheduled() async throws -> [Reminder] {
        try await database.read { db in
            try Reminder.fetchAll(
                db, sql: "SELECT * FROM reminder WHERE state = 'waiting' AND NOT isScheduled ORDER BY due LIMIT 1000")
        }
    }

    func scheduled(_ id: JobID) async throws {
        try await database.write { db in
            try db.execute(sql: "UPDATE reminder SET isScheduled = TRUE WHERE id = ?", arguments: [id.description])
        }
    }

    /// - Returns: nil where it does not wait (any more).
    func revoke(_ id: JobID) async throws -> Reminder? {
        try await database.write { db in
            try Reminder.fetchOne(
                db, sql: "UPDATE reminder SET state = 'revoked' WHERE id = ? AND state = 'waiting' RETURNING *",
                arguments: [id.description])
        }
    }

    // MARK: Running

    /// An attempt to fire a reminder begins. From now on all earlier ones are stale.
    ///
    /// - Returns: nil where it does not wait (any more).
    /// - Throws: ``StaleAttempt`` where a later one has begun.
    func begin(_ id: JobID, attempt: Int) async throws -> Reminder? {
        try await database.write { db in
            guard let reminder = try Self.waiting(id, attempt, db) else { return nil }
            try db.execute(
                sql: "UPDATE reminder SET attempt = ? WHERE id = ?", arguments: [attempt, id.description])
            return reminder
        }
    }

    /// - Returns: nil where it does not wait (any more): so it fires once.
    /// - Throws: ``StaleAttempt`` where a later one has begun.
    func fire(_ id: JobID, attempt: Int) async throws -> Reminder? {
        try await database.write { db in
            guard var reminder = try Self.waiting(id, attempt, db) else { return nil }
            reminder.state = .fired
            try reminder.update(db)
            return reminder
        }
    }

    private static func waiting(_ id: JobID, _ attempt: Int, _ db: Database) throws -> Reminder? {
        let reminder = try Reminder.fetchOne(
            db, sql: "SELECT * FROM reminder WHERE id = ?", arguments: [id.description])
        guard let reminder else { return nil }
        guard attempt >= reminder.attempt else { throw StaleAttempt(id: id, attempt: attempt) }
        return reminder.state == .waiting ? reminder : nil
    }

    // MARK: Digests

    /// Counts what fired since the digest before.
    ///
    /// - Returns: nil where this one was made before.
    func digest(_ id: JobID, at date: Date) async throws -> Digest? {
        try await database.write { db in
            guard try !Digest.exists(db, key: id.description) else { return nil }
            let digest = Digest(
                id: id, date: date,
                fired: try Self.count("state = 'fired' AND NOT isTold", db),
                waiting: try Self.count("state = 'waiting'", db))
            try digest.insert(db)
            try db.execute(sql: "UPDATE reminder SET isTold = TRUE WHERE state = 'fired'")
            return digest
        }
    }

    private static func count(_ condition: String, _ db: Database) throws -> Int {
        try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM reminder WHERE \(condition)") ?? 0
    }
}
