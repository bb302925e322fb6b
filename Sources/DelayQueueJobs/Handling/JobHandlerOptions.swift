/// How jobs of one type are handled.
public struct JobHandlerOptions: Sendable {
    /// What becomes of a job whose handler threw: waits that grow, and 25 failures, by default.
    public var retryPolicy: JobRetryPolicy

    /// How long a handler may take before it is cancelled; nil, the default, for as long as it likes. What it throws then,
    /// unless it is a ``JobVerdict``, counts as ``JobTimedOut``, a failure. One that ignores its cancellation is waited for,
    /// and its job completed where it returns.
    public var timeout: Duration?

    /// How many handlers of the type run at once in this worker; nil, the default, for as many as the worker runs.
    ///
    /// Jobs beyond it go back to the queue for a second or two, so that they stand in nobody's way: other workers may
    /// take them. Each time counts as an attempt, not as a failure, and their order is lost.
    public var concurrency: Int?

    /// Wraps the type's handler, inside of the worker's own middleware; the first is the outermost.
    public var middleware: [any JobMiddleware]

    /// A century: clocks can be reckoned with for so long.
    package static let longestTimeout = Duration.seconds(36_525 * 86_400)

    public init(
        retryPolicy: JobRetryPolicy = .backoff(), timeout: Duration? = nil, concurrency: Int? = nil,
        middleware: [any JobMiddleware] = []
    ) {
        self.retryPolicy = retryPolicy
        self.timeout = timeout
        self.concurrency = concurrency
        self.middleware = middleware
    }
}
