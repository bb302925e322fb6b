import Logging

/// The metadata keys of this package's log messages, in one place.
///
/// The transport adds `dq.address` to its own messages, and `dq.generation` and `dq.code` where they help.
///
/// Messages are static; whatever varies is metadata. Nothing an API call reports as an error is logged at info or
/// above.
enum LogKey {
    static let node = "dq.node"
    static let job = "dq.job"
    static let queue = "dq.queue"
    static let error = "dq.error"
    static let reason = "dq.reason"
    static let policy = "dq.policy"
    static let lateness = "dq.lateness"
    static let mend = "dq.mend"
    static let count = "dq.count"
    static let size = "dq.size"
    static let skew = "dq.skew"
}
