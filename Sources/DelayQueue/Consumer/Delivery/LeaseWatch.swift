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

    private let state = NIOLockedValueBox(State())
    private let runner: TaskInUse
    private let outer: TaskInUse

    /// - Parameter runner: the task that runs the jobs, begins and ends their runs, and so outlives them.
    /// - Parameter outer: the one of which that is a child.
    init(_ runner: TaskInUse, within outer: TaskInUse) {
        self.runner = runner
        self.outer = outer
    }

    /// Whether the running job's handler was cancelled, and not by itself. Asked by its task.
    var hasCancelled: Bool { outer.isCancelled || state.withLockedValue { $0.isLost } }

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
            runner.cancel()
        }
    }
}
