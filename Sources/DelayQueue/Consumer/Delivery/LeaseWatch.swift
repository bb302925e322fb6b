import NIOConcurrencyHelpers

/// Cancels the task that runs handlers when the job that runs has lost its lease.
///
/// It does so at once, on whatever thread learns of the loss, so that even a handler that computes without ever leaving
/// its thread sees it. A loss counts only for the job it was told of: one that is told late ends no other job's run.
final class LeaseWatch: Sendable {
    private struct State {
        var running: HeldJobID?
        var isLost = false
    }

    /// A task cancelled from elsewhere.
    ///
    /// `@unchecked`: `cancel()` may be called by any thread while the task exists, and nothing else is; see
    /// ``lose(_:)``.
    private struct Cancellation: @unchecked Sendable {
        let task: UnsafeCurrentTask?
    }

    private let state = NIOLockedValueBox(State())
    private let cancellation: Cancellation

    /// - Parameter task: the one that runs the jobs, begins and ends their runs, and so outlives them.
    init(_ task: UnsafeCurrentTask?) {
        self.cancellation = Cancellation(task: task)
    }

    /// A job's run begins.
    func begin(_ job: HeldJobID) {
        state.withLockedValue { $0.running = job }
    }

    /// The run has ended.
    ///
    /// - Returns: whether its lease was lost meanwhile, and the task is cancelled.
    func end() -> Bool {
        state.withLockedValue { state in
            state.running = nil
            return state.isLost
        }
    }

    /// The job's lease is lost.
    func lose(_ job: HeldJobID) {
        state.withLockedValue { state in
            guard state.running == job else { return }
            state.isLost = true
            // Under the lock, which the task takes to end the run: until then it exists, and runs this job.
            cancellation.task?.cancel()
        }
    }
}
