public import NIOCore

/// What a connection is doing, as seen on its event loop.
@usableFromInline package struct ConnectionStatus: Hashable, Sendable {
    @usableFromInline package enum Phase: Hashable, Sendable {
        /// Not connected; a failed attempt is not repeated before `retryAt`.
        case idle(retryAt: NIODeadline?)
        case connecting
        case ready
        case closed
    }

    @usableFromInline package var phase: Phase

    /// The current connection, or the last one.
    @usableFromInline package var generation: ConnectionGeneration

    /// Batches that wait for replies, abandoned ones included.
    @usableFromInline package var unanswered: Int

    @usableFromInline package init(phase: Phase, generation: ConnectionGeneration, unanswered: Int) {
        self.phase = phase
        self.generation = generation
        self.unanswered = unanswered
    }
}
