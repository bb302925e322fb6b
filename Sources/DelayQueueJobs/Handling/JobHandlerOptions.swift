/// How jobs of one type are handled.
public struct JobHandlerOptions: Sendable {
    /// What becomes of a job whose handler threw: waits that grow, and 25 failures, by default.
    public var retryPolicy: JobRetryPolicy = .backoff()

    /// How long a handler may take before it is cancelled, which counts as a failure; nil, the default, for as long as it
    /// likes. A handler that ignores its cancellation is waited for.
    public var timeout: Duration?

    /// How many handlers of the type run at once in this worker; nil, the default, for as many as the worker runs.
    ///
    /// Jobs beyond it go back to the queue for a second or two, so that they stand in nobody's way: other workers may
    /// take them.
    public var concurrency: Int?

    /// Wraps the type's handler, inside of the worker's own middleware; the first is the outermost.
    public var middleware: [any JobMiddleware] = []

    public init() {}
}
