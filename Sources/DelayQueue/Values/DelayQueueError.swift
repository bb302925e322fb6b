/// Why a job could not be scheduled, revoked, run or settled.
public struct DelayQueueError: Error, Sendable {
    public var code: Code

    /// What was wrong and, where that is known, how to mend it: for people, not for programs.
    public var message: String

    /// The node concerned, where it is one.
    public var node: BeanstalkNode?

    /// What each node said, where several took part.
    public var nodeFailures: [NodeFailure]

    /// What the layer below reported.
    public var underlying: (any Error)?

    /// Whether the same call may succeed later without any change to it or to the configuration.
    public var isRetriable: Bool

    /// Whether the job may run, or have run, although the call failed: a copy may have been written and could not be
    /// withdrawn, or not before a consumer had it.
    public var mayStillFire: Bool {
        get { sequel != .none }
        set { sequel = newValue ? .mayFire : .none }
    }

    /// Whether the ledger says that a consumer runs the job, or has run it, although the call failed: do not schedule it
    /// again. Then ``mayStillFire`` is true too, and ``isRetriable`` is not.
    public var hasRun: Bool { sequel == .hasRun }

    /// What becomes of a job whose call failed, as far as is known.
    package enum Sequel: Hashable, Sendable {
        /// It never runs.
        case none
        case mayFire
        /// A consumer had claimed it before it was taken back. It never runs again.
        case mayHaveRun
        /// It runs, or has run to its end or its last failure.
        case hasRun
    }

    package var sequel = Sequel.none

    /// One node's part in a failure.
    public struct NodeFailure: Sendable {
        public var node: BeanstalkNode
        public var error: any Error

        public init(node: BeanstalkNode, error: any Error) {
            self.node = node
            self.error = error
        }
    }

    /// - Parameter isRetriable: nil takes what is usual for the code.
    public init(
        _ code: Code,
        _ message: String,
        node: BeanstalkNode? = nil,
        nodeFailures: [NodeFailure] = [],
        underlying: (any Error)? = nil,
        isRetriable: Bool? = nil,
        mayStillFire: Bool = false
    ) {
        self.code = code
        self.message = message
        self.node = node
        self.nodeFailures = nodeFailures
        self.underlying = underlying
        self.isRetriable = isRetriable ?? code.isUsuallyRetriable
        self.mayStillFire = mayStillFire
    }
}

extension DelayQueueError: CustomStringConvertible {
    public var description: String {
        var text = "\(code): \(message)"
        if let node { text += " [\(node)]" }
        if let underlying {
            // Where the message tells the cause already, it is not told again; errors begin with their code's name.
            let cause = "\(underlying)"
            let words = cause.split(separator: ": ", maxSplits: 1).last.map(String.init) ?? cause
            if !message.contains(words) { text += " (\(cause))" }
        }
        for failure in nodeFailures { text += "; \(failure.node): \(failure.error)" }
        switch sequel {
        case .none: if code == .insufficientCopies { text += "; it does not run" }
        case .mayFire: text += "; the job may still fire"
        case .mayHaveRun: text += "; the job may have run before it was taken back, and will not run again"
        case .hasRun: text += "; but the job has run, or runs now: do not schedule it again"
        }
        return text
    }
}
