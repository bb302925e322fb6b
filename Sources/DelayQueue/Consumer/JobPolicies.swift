/// What a consumer does with a job so late that its ledger record may have run out.
///
/// A job is that late once its fire date lies further back than ``LedgerTiming/retention`` (or
/// ``LedgerTiming/retentionOfUnknownCopies``), less a margin of the grace for clocks that disagree, by this machine's clock
/// and by the ledger's: everything was down
/// that long, or a node came back with old copies. The ledger then knows nothing of the job, and nothing can: whether
/// it ran before cannot be told. A job the ledger does know is treated by what the ledger knows, however late it is; a
/// copy that was kicked runs. Whatever is done is logged as a warning and counted (`dq_late_jobs_total`).
public struct LateJobPolicy: Hashable, Sendable, CustomStringConvertible {
    package enum Value: String, Sendable, CaseIterable {
        case bury, deliver, discard
    }

    package let value: Value

    package init(_ value: Value) {
        self.value = value
    }

    /// Its copies are buried on their nodes, for a person to look at. When copies are kicked the job runs, once. The
    /// default.
    public static let bury = LateJobPolicy(.bury)

    /// The job runs, for a second time if it ran before.
    public static let deliver = LateJobPolicy(.deliver)

    /// Its copies are deleted.
    public static let discard = LateJobPolicy(.discard)

    public var description: String { value.rawValue }
}

/// What a consumer does with a record in its tube that neither this package nor go-queue wrote.
public struct ForeignJobPolicy: Hashable, Sendable, CustomStringConvertible {
    package enum Value: String, Sendable, CaseIterable {
        case bury, deliver
    }

    package let value: Value

    package init(_ value: Value) {
        self.value = value
    }

    /// It is buried on its node, for a person to look at. The default.
    public static let bury = ForeignJobPolicy(.bury)

    /// It is delivered like any job, but the ledger is not asked: only its node knows about it.
    ///
    /// So nothing keeps a copy of it on another node from running too, and a run of it ends when the connection to its
    /// node does (``Job/isLeaseLost``). Its id is made of its node and its number there, its fire date is the time of
    /// its delivery, and its attempt says how often the node has reserved it. Its producer should give it a time to run
    /// of 4 seconds or more, because a consumer touches it no more than once a second.
    public static let deliver = ForeignJobPolicy(.deliver)

    public var description: String { value.rawValue }
}

/// Whether a job may run more than once.
public struct DeliveryGuarantee: Hashable, Sendable, CustomStringConvertible {
    private enum Value: String, Sendable {
        case atLeastOnce, atMostOnce
    }

    private let value: Value

    /// A job runs until a run of it was completed: again after a crash or a lost lease. The default.
    public static let atLeastOnce = DeliveryGuarantee(value: .atLeastOnce)

    /// A job is completed before it is delivered: it never runs twice, and is lost when the process that was to run it
    /// dies or lets go of it.
    ///
    /// Jobs need no settling, and take none; a handler that throws is logged, not retried. Nothing is fetched ahead
    /// of the tasks that wait for a job.
    public static let atMostOnce = DeliveryGuarantee(value: .atMostOnce)

    public var description: String { value.rawValue }
}
