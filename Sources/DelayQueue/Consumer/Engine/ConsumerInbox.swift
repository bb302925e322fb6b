import NIOConcurrencyHelpers

/// What other threads tell a consumer's engine, taken in once per turn of its loop.
final class ConsumerInbox: Sendable {
    enum Message: Sendable {
        case iteratorStarted
        case iteratorEnded
        /// The continuation, where somebody waits for the end of it.
        case settle(HeldJobID, Settlement, CheckedContinuation<DelayQueueError?, Never>?)
    }

    private struct State {
        var messages: [Message] = []
        var isScheduled = false
    }

    private let state = NIOLockedValueBox(State())

    /// - Returns: true where the caller must schedule a turn.
    func post(_ message: Message) -> Bool {
        state.withLockedValue { state in
            state.messages.append(message)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
    }

    /// - Returns: true where the caller must schedule a turn.
    func schedule() -> Bool {
        state.withLockedValue { state in
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
    }

    func take() -> [Message] {
        state.withLockedValue { state in
            state.isScheduled = false
            defer { state.messages.removeAll() }
            return state.messages
        }
    }
}
