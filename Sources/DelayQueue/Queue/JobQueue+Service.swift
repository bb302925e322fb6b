public import ServiceLifecycle

extension JobQueue: Service {
    /// Waits for graceful shutdown, or cancellation, and closes the queue.
    ///
    /// Services end in the reverse of their order in a `ServiceGroup`, so a queue that is listed before its workers, and
    /// before the server whose requests schedule jobs, is closed when these have ended.
    public func run() async {
        // Cancelled while it waits, the queue is closed all the same.
        try? await gracefulShutdown()
        await close()
    }
}
