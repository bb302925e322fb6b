import DelayQueue
import NIOConcurrencyHelpers

/// Cancels a handler's task when its time is over.
final class HandlerDeadline: Sendable {
    private struct State {
        var task: TaskInUse?
        var hasPassed = false
    }

    private let state = NIOLockedValueBox(State())

    var hasPassed: Bool { state.withLockedValue { $0.hasPassed } }

    /// The handler's task has begun. It says when it ends.
    func begin(_ task: TaskInUse) {
        state.withLockedValue { state in
            if state.hasPassed { task.cancel() } else { state.task = task }
        }
    }

    func end() {
        state.withLockedValue { $0.task = nil }
    }

    /// The time is over.
    func pass() {
        state.withLockedValue { state in
            state.hasPassed = true
            // Under the lock, which the task takes to end: until then it exists.
            state.task?.cancel()
        }
    }
}
