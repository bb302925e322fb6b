import Beanstalk

/// What all copies of one job, and no others, have in common.
struct JobName: Hashable {
    let id: JobID
    /// go-queue's jobs have ledger keys, and so names, of their own.
    let isGoQueue: Bool

    func ledgerKey(queue: TubeName) -> LedgerKey {
        isGoQueue ? LedgerKey(goQueue: id) : LedgerKey(queue: queue, id: id)
    }
}

/// What is decided by when a copy is reserved.
struct CopyFacts {
    let name: JobName
    let fireTime: Timestamp
    /// In microseconds.
    let timeToRun: Int64
    let priority: UInt32
    /// The copy's index; nil in records that do not number their copies.
    let index: Int?
}

extension JobRecord {
    /// Nil for a foreign job, and for one that is not verified.
    var facts: CopyFacts? {
        switch self {
        case .native(let envelope):
            CopyFacts(
                name: JobName(id: envelope.id, isGoQueue: false), fireTime: envelope.fireTime,
                timeToRun: Int64(envelope.timeToRun) * 1_000_000, priority: envelope.priority, index: envelope.copy)
        case .goQueue(let record):
            CopyFacts(
                name: JobName(id: record.id, isGoQueue: true), fireTime: record.fireTime,
                timeToRun: Int64(GoQueueRecord.timeToRun) * 1_000_000, priority: GoQueueRecord.priority, index: nil)
        case .sealed, .foreign, .unverified: nil
        }
    }
}

/// What a job's records say, alike on all its copies. Made once and shared, so that to move a ``HeldJob`` is cheap.
package final class HeldRecord: Sendable {
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
