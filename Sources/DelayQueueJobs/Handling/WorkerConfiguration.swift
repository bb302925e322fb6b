public import DelayQueue
public import Logging

/// How a ``Worker`` runs.
public struct WorkerConfiguration: Sendable {
    /// How many handlers run at once, 16 by default.
    public var concurrency = 16

    /// How long handlers may go on after graceful shutdown began, before they are cancelled and their jobs given back. 30
    /// seconds by default.
    public var shutdownDeadline: Duration = .seconds(30)

    /// Wraps the handlers of all types; the first is the outermost.
    public var middleware: [any JobMiddleware] = []

    /// Changes what is the worker's consumer's own affair, such as what becomes of late jobs.
    public var adjust: @Sendable (inout ConsumerConfiguration) -> Void = { _ in }

    /// Handlers get it with their job's id, type and attempt.
    public var logger = Logger(label: "DelayQueue.Worker")

    public init() {}
}
