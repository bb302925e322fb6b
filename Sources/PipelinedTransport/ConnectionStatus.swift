public import NIOCore

/// What a connection is doing, as seen on its event loop.
public struct ConnectionStatus: Hashable, Sendable {
    public enum Phase: Hashable, Sendable {
        /// Not connected; a failed attempt is not repeated before `retryAt`.
        case idle(retryAt: NIODeadline?)
        case connecting
        case ready
        case closed
    }

    public var phase: Phase

    /// The current connection, or the last one.
    public var generation: ConnectionGeneration

    /// Batches that wait for replies, abandoned ones included.
    public var unanswered: Int

    @usableFromInline init(phase: Phase, generation: ConnectionGeneration, unanswered: Int) {
        self.phase = phase
        self.generation = generation
        self.unanswered = unanswered
    }
}
