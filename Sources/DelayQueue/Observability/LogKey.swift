/// The metadata keys of this package's log messages, for those who look for them or add their own beside them.
///
/// Messages are static; whatever varies is metadata. Nothing an API call reports as an error is logged at info or
/// above.
public enum LogKey {
    public static let node = "dq.node"
    public static let job = "dq.job"
    /// The type of a job.
    public static let type = "dq.type"
    /// The number of a job's run, from 1.
    public static let attempt = "dq.attempt"
    public static let queue = "dq.queue"
    public static let schedule = "dq.schedule"
    public static let error = "dq.error"
    public static let reason = "dq.reason"
    /// How long a job waits until it runs again.
    public static let delay = "dq.delay"
    public static let policy = "dq.policy"
    public static let lateness = "dq.lateness"
    /// What helps.
    public static let mend = "dq.mend"
    public static let count = "dq.count"
    public static let size = "dq.size"
    /// By how much this machine's clock is ahead of the ledger's.
    public static let skew = "dq.skew"

    // Connections, which know nothing of jobs, write these themselves.

    /// A server's, in all that its connection tells.
    public static let address = "dq.address"
    /// How often a connection was made.
    public static let generation = "dq.generation"
    /// Of the error that ended a connection.
    public static let code = "dq.code"
}
