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

    /// Replies to requests (not to the preamble) since the start.
    public var repliesReceived: UInt64

    @usableFromInline init(phase: Phase, generation: ConnectionGeneration, unanswered: Int, repliesReceived: UInt64) {
        self.phase = phase
        self.generation = generation
        self.unanswered = unanswered
        self.repliesReceived = repliesReceived
    }
}
