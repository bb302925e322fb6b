import Beanstalk

/// What a job's records say, alike on all its copies. It is made once and shared, so that handing it to the application
/// copies nothing.
package final class JobContents: Sendable {
    let name: JobName
    let key: LedgerKey
    package let record: JobRecord
    let fireTime: Timestamp
    /// How many copies the job has; 0 where that is unknown.
    let copies: Int
    /// Nobody here wrote it: the ledger knows nothing of it, and its node alone is told how it ended.
    let isForeign: Bool

    package var id: JobID { name.id }

    init(name: JobName, queue: TubeName, record: JobRecord, fireTime: Timestamp) {
        self.name = name
        self.key = name.ledgerKey(queue: queue)
        self.record = record
        self.fireTime = fireTime
        self.copies = record.copies
        self.isForeign = if case .foreign = record { true } else { false }
    }
}
