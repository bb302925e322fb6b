public import Beanstalk
public import Foundation
public import PipelinedTransport

/// A job that was given up, as the ledger knows it.
public struct DeadJob: Sendable, Hashable, Identifiable {
    /// The job's id, as in its receipt; of a go-queue record its MD5.
    public let id: JobID

    /// When it was given up, by the ledger's clock.
    public let diedAt: Date

    /// Why: what ``Job/bury(reason:)`` was told, or what used up the retry policy: failures, or leases that ended while
    /// the job was alone in its process.
    public let reason: String

    /// The consumer that gave it up: its host and process.
    public let consumer: String

    /// How many runs of it were begun.
    public let runs: Int

    /// How many failures it had when it was claimed for the last time.
    public let failures: Int

    /// How many of its leases had ended by then.
    public let endedLeases: Int

    /// Those of them that ended while the job was alone in its process.
    public let endedAlone: Int

    /// Where its copies lie, as far as consumers have told the ledger.
    public let copies: [Copy]

    /// One copy.
    public struct Copy: Sendable, Hashable {
        public let address: ServerAddress
        public let id: BeanstalkJobID
    }

    let key: LedgerKey

    /// - Returns: nil where the record is not that of a dead job.
    init?(_ key: LedgerKey, _ record: LedgerRecord?) {
        guard case .dead(_, let attempt, let failures, let time, let report) = record else { return nil }
        self.key = key
        id = key.jobID
        diedAt = time.date
        reason = report.reason
        consumer = report.consumer
        runs = attempt
        self.failures = failures.errors
        endedLeases = failures.endedLeases
        endedAlone = failures.endedAlone
        copies = report.copies.map { Copy(address: $0.address, id: $0.id) }
    }
}
