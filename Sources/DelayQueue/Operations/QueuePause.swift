public import Foundation

/// That a queue is paused: since when, until when, why and by whom.
public struct QueuePause: Sendable, Hashable {
    /// When it was paused, by the ledger's clock; of a pause that was changed before it was over, the first time.
    public let since: Date

    /// When it ends by itself, by the ledger's clock; nil where it lasts until the queue is resumed.
    public let until: Date?

    /// The reason that was given.
    public let why: String

    /// Who paused it, as they said.
    public let by: String

    init(_ pause: QueueBoard.Pause) {
        since = pause.since.date
        until = pause.until == .latest ? nil : pause.until.date
        why = pause.why
        by = pause.by
    }
}
