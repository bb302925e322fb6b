extension QueueOperations {
    /// The queue's consumers, those that are silent too for an hour; by process, and of one process the first that began
    /// first.
    ///
    /// A consumer tells the ledger each second that it is there, and that it is gone when it ends in order. One that
    /// iterates nothing is not among them.
    public func consumers() async throws(DelayQueueError) -> [SeenConsumer] { try await board().consumers }

    /// The queue's pause and its consumers, as they are at one moment.
    package func board() async throws(DelayQueueError) -> (pause: QueuePause?, consumers: [SeenConsumer]) {
        let (board, now) = try await carrier.board(of: queueName)
        let consumers = board.consumers.values.filter { $0.seen + QueueBoard.memory >= now }
            .map { SeenConsumer($0, now: now) }
            .sorted { ($0.process, $0.startedAt, $0.id) < ($1.process, $1.startedAt, $1.id) }
        return (board.pause(at: now).map { QueuePause($0) }, consumers)
    }
}
