/// What became of a decision about a dead job.
public struct DeadJobOutcome: Sendable {
    /// How it ended.
    public struct State: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String, Sendable {
            case decided, notDead, failed, untouched
        }

        private let value: Value

        /// The job was replayed, or dropped.
        public static let decided = State(value: .decided)

        /// The job is not dead, or not any more; nothing was changed.
        public static let notDead = State(value: .notDead)

        /// The error says why. Where the ledger did not answer it may have been decided all the same.
        public static let failed = State(value: .failed)

        /// The call was cancelled before the job's turn; nothing was changed.
        public static let untouched = State(value: .untouched)

        public var description: String { value.rawValue }
    }

    public let id: JobID

    public internal(set) var state: State

    /// How many of the job's copies were made ready, so that a consumer meets them at once.
    public internal(set) var readyCopies = 0

    public internal(set) var error: DelayQueueError?

    package init(id: JobID, state: State, error: DelayQueueError? = nil) {
        self.id = id
        self.state = state
        self.error = error
    }
}
