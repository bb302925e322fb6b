import NIOConcurrencyHelpers

/// What callers on other threads tell a producer's engine, taken in once per turn of its loop: all that comes until then
/// is looked at together.
final class ProducerInbox: Sendable {
    typealias Results = [Result<Receipt, DelayQueueError>]

    enum Message: Sendable {
        case call(ProducerCore.CallID, [PreparedJob], CheckedContinuation<Results, Never>)
        case cancel(ProducerCore.CallID)
        case revoke(
            ProducerCore.CallID, Receipt, CheckedContinuation<Result<RevokeOutcome, DelayQueueError>, Never>)
    }

    private struct State {
        var messages: [Message] = []
        var lastID: ProducerCore.CallID = 0
        var isScheduled = false
    }

    private let state = NIOLockedValueBox(State())

    /// Names a call, so that it can be cancelled.
    func makeID() -> ProducerCore.CallID {
        state.withLockedValue { state in
            state.lastID += 1
            return state.lastID
        }
    }

    /// - Returns: true where the caller must schedule a turn.
    func post(_ message: Message) -> Bool {
        state.withLockedValue { state in
            state.messages.append(message)
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
