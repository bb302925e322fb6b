/// How long claims and records last.
///
/// All producers and consumers of a queue should agree on it.
public struct LedgerTiming: Sendable, Hashable {
    /// How long a claim lasts unless renewed, and so how soon a crash is noticed. 30 seconds by default.
    public var lease: Duration = .seconds(30)

    /// How long a record lasts after the last word about it, so that a copy on a node that was away meets it.
    /// 7 days by default.
    public var retention: Duration = .seconds(7 * 86_400)

    /// How long the record of a finished job lasts whose copies cannot be counted: one with an id of the caller's own,
    /// or in go-queue's format. 24 hours by default. Until then each such job takes about 190 bytes of the ledger's
    /// memory.
    public var retentionOfUnknownCopies: Duration = .seconds(86_400)

    /// How long the record of a finished job lasts once all its copies are known to be deleted. 5 minutes by
    /// default; never less than twice the lease or twice `timeToRun`, whatever is set here.
    ///
    /// It has to outlive requests that are still under way, and reservations of copies that are gone.
    public var grace: Duration = .seconds(300)

    /// The longest time to run that producers give a copy, which bounds how long a reservation lasts unseen. 30 seconds
    /// by default.
    public var timeToRun: Duration = .seconds(30)

    public init() {}

    /// The grace that is applied: at least twice the lease and twice the time to run.
    package var effectiveGrace: Duration { max(grace, lease * 2, timeToRun * 2) }

    /// How long the record of a finished job lasts while a copy may be left.
    ///
    /// - Parameter copies: how many copies the job has; 0 where that is unknown.
    package func retention(ofCopies copies: Int) -> Duration {
        max(copies == 0 ? retentionOfUnknownCopies : retention, effectiveGrace)
    }

    /// How late a job may be before its record, if it had one, may have run out.
    package func latestWithoutRecord(ofCopies copies: Int) -> Duration {
        let retention = retention(ofCopies: copies)
        // Somewhat early, since the ledger's clock, which ends records, may be ahead of the one that is asked.
        return retention - min(effectiveGrace, retention / 10)
    }

    /// How long the record of a dead job lasts: as long as a record can, because only a person's decision (replay, drop
    /// or revoke) is to end it.
    package static let retentionOfDeadJobs = Duration.microseconds(Timestamp.latest.microseconds)

    /// How long the record of an unfinished job lasts.
    var retentionOfLiveRecords: Duration { max(retention, effectiveGrace) }

    /// What makes the settings unusable, in words; empty where nothing does.
    package var problems: [String] {
        var problems: [String] = []
        if lease <= .zero { problems.append("timing.lease is \(lease), not positive") }
        if timeToRun <= .zero { problems.append("timing.timeToRun is \(timeToRun), not positive") }
        if grace < .zero { problems.append("timing.grace is negative") }
        if retention < effectiveGrace {
            problems.append("timing.retention is \(retention), less than the grace of \(effectiveGrace)")
        }
        if retentionOfUnknownCopies < effectiveGrace {
            problems.append(
                "timing.retentionOfUnknownCopies is \(retentionOfUnknownCopies), less than the grace of "
                    + "\(effectiveGrace)")
        }
        return problems
    }
}
