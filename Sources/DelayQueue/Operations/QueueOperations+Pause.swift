// A pause is a word in the ledger, of which consumers are told as they check in. Nodes know nothing of it.
extension QueueOperations {
    /// Pauses the queue: consumers take nothing new, finish what runs, and hand on what they had fetched.
    ///
    /// Consumers know of it within a second or two, and of its end at once; jobs that fall due meanwhile wait on their
    /// nodes, and producers schedule as ever. It is in the ledger, so a node or consumer that restarts does not end it. A
    /// consumer that cannot reach the ledger begins nothing anyway, and the pause it was told of holds until its end. A ledger that loses its records loses the pause, and the queue goes on.
    ///
    /// Of a queue that is paused the end, the reason and the name are changed. Where the call fails or its task is cancelled
    /// the queue may be paused all the same: call it again, or ask ``pauseState()``.
    ///
    /// - Parameters:
    ///   - duration: how long it lasts, by the ledger's clock; nil until ``resume()``.
    ///   - why: the reason, for other people; the first 500 bytes of it are kept.
    ///   - name: who pauses it; host and process where nil. The first 500 bytes are kept.
    /// - Throws: `invalidOption` for a duration that is not positive; else as the ledger does.
    public func pause(for duration: Duration? = nil, why: String, by name: String? = nil) async throws(DelayQueueError)
    {
        if let duration, duration <= .zero {
            throw DelayQueueError(
                .invalidOption,
                "a pause for \(duration) would be over at once; give a positive duration, or none to pause until resume()"
            )
        }
        _ = try await perform(
            .pause(
                for: duration, by: DeathReport.shortened(name ?? ProcessName.current), why: DeathReport.shortened(why)))
    }

    /// Ends the pause: consumers take jobs again within a second or two.
    ///
    /// Where the call fails or its task is cancelled, the pause may be over all the same. Repeating the call is harmless.
    ///
    /// - Returns: false where the queue was not paused.
    @discardableResult
    public func resume() async throws(DelayQueueError) -> Bool { try await perform(.resume) == .resumed }

    /// The queue's pause; nil where it is not paused.
    public func pauseState() async throws(DelayQueueError) -> QueuePause? {
        try await board().pause
    }

    private func perform(_ operation: BoardOperation) async throws(DelayQueueError) -> LedgerReply {
        try await carrier.perform(
            LedgerRequest(
                key: LedgerKey(boardOf: queueName), operation: .board(operation), timing: configuration.timing))
    }
}
