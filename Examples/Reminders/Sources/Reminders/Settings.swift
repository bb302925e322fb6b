public import Configuration
import Hummingbird

/// What the environment says.
///
/// | variable | meaning |
/// |---|---|
/// | `DQ_QUEUE` | the queue: `dq://node1,node2,node3/reminders?ledger=redis://host` |
/// | `DATABASE` | SQLite's file; `reminders.sqlite` unless told |
/// | `DIGEST_CRONTAB` | when digests are made; `0 8 * * *` unless told, by the clock in Greenwich unless `CRON_TZ=Europe/Berlin` is in front |
/// | `HTTP_HOST`, `HTTP_PORT` | where the page is; 127.0.0.1 and 8080 unless told |
public struct Settings: Sendable {
    var queue: String
    var database: String
    var digests: String
    var http: ApplicationConfiguration

    /// - Throws: where `DQ_QUEUE` is missing.
    public init(_ environment: ConfigReader) throws {
        // The ledger may have a password.
        queue = try environment.requiredString(forKey: "dq.queue", isSecret: true)
        database = environment.string(forKey: "database", default: "reminders.sqlite")
        digests = environment.string(forKey: "digest.crontab", default: "0 8 * * *")
        http = ApplicationConfiguration(reader: environment.scoped(to: "http"))
    }
}
