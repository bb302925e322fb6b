public import struct Foundation.Date

/// How the job of an id of one's own stands, by the ledger.
public struct JobStatus: Hashable, Sendable {
    /// What a job can be.
    public struct State: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String, Sendable {
            case waiting, running, retrying, done, dead, revoked, unknown
        }

        private let value: Value

        /// It waits for its date.
        public static let waiting = State(value: .waiting)

        /// A consumer runs it, or did when the ledger last heard of it, less than a lease ago.
        public static let running = State(value: .running)

        /// It failed, was given back or was replayed, and will run again.
        public static let retrying = State(value: .retrying)

        /// It ran to its end.
        public static let done = State(value: .done)

        /// It was given up, until somebody replays or drops it.
        public static let dead = State(value: .dead)

        /// It was taken back.
        public static let revoked = State(value: .revoked)

        /// The ledger knows nothing of it: it was never scheduled, or is over for longer than records last, or its id
        /// was not the caller's own and it has not run yet.
        public static let unknown = State(value: .unknown)

        public var description: String { value.rawValue }
    }

    public let state: State

    /// The date of a job that waits for it; nil for any other.
    public let fireDate: Date?

    /// - Returns: nil for what does not answer this question.
    package init?(_ reply: LedgerReply) {
        fireDate = if case .scheduled(let date) = reply { date.date } else { nil }
        switch reply {
        case .scheduled: state = .waiting
        case .held(for: .zero), .waiting: state = .retrying
        case .held: state = .running
        case .finished(.done): state = .done
        case .finished(.dead): state = .dead
        case .finished(.revoked): state = .revoked
        case .absent, .finished(.withdrawn): state = .unknown
        default: return nil
        }
    }
}
