import NIOConcurrencyHelpers

/// What other threads tell an engine, taken in once per turn of its loop: all that comes until then is looked at
/// together.
final class Inbox<Message: Sendable>: Sendable {
    private struct State {
        var messages: [Message] = []
        var isScheduled = false
        var lastID: UInt64 = 0
    }

    private let state = NIOLockedValueBox(State())

    /// A name that no other message has.
    func makeID() -> UInt64 {
        state.withLockedValue { state in
            state.lastID += 1
            return state.lastID
        }
    }

    /// - Parameter message: nil where the engine is only to look at its state.
    /// - Returns: true where the caller must schedule a turn.
    func post(_ message: Message?) -> Bool {
        state.withLockedValue { state in
            if let message { state.messages.append(message) }
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
    }

    func take() -> [Message] {
        state.withLockedValue { state in
            state.isScheduled = false
            defer { state.messages = [] }
            return state.messages
        }
    }
}
