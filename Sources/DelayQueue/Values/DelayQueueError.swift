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
    public var mayStillFire: Bool

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
        if mayStillFire { text += "; the job may still fire" }
        return text
    }
}
