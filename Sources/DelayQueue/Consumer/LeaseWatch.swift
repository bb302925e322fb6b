import NIOConcurrencyHelpers

/// Tells when the job that runs has lost its lease; for one run after the other, in one task, until the first loss.
///
/// A loss counts for the job it was said of: one that is told late ends no other job's run.
final class LeaseWatch: Sendable {
    private struct State {
        var running: HeldJobID?
        var isLost = false
        var isCancelled = false
        var waiter: CheckedContinuation<Void, Never>?

        mutating func takeWaiter() -> CheckedContinuation<Void, Never>? {
            defer { waiter = nil }
            return waiter
        }
    }

    private let state = NIOLockedValueBox(State())

    /// A job's run begins.
    func begin(_ job: HeldJobID) {
        state.withLockedValue { $0.running = job }
    }

    /// The run has ended.
    ///
    /// - Returns: whether its lease was lost meanwhile: the task is cancelled, or about to be.
    func end() -> Bool {
        state.withLockedValue { state in
            state.running = nil
            return state.isLost
        }
    }

    /// The job's lease is lost.
    func lose(_ job: HeldJobID) {
        let waiter = state.withLockedValue { state -> CheckedContinuation<Void, Never>? in
            guard state.running == job else { return nil }
            state.isLost = true
            return state.takeWaiter()
        }
        waiter?.resume()
    }

    /// Returns once a lease was lost, or the task is cancelled. Only one task may wait.
    func untilLost() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let isOver = state.withLockedValue { state in
                    if state.isLost || state.isCancelled { return true }
                    state.waiter = waiter
                    return false
                }
                if isOver { waiter.resume() }
            }
        } onCancel: {
            let waiter = state.withLockedValue { state in
                state.isCancelled = true
                return state.takeWaiter()
            }
            waiter?.resume()
        }
    }
}
