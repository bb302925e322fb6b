package import NIOCore

extension EventLoop {
    /// Waits on the loop's own timer, which costs a timer-heap entry and no thread hop.
    ///
    /// Returns early, without throwing, when the task is cancelled.
    package func wait(for duration: Duration) async {
        let timer = scheduleTask(in: TimeAmount(duration)) {}
        await withTaskCancellationHandler {
            // The future fails only by cancellation, which means the same as the end of the wait.
            _ = try? await timer.futureResult.get()
        } onCancel: {
            timer.cancel()
        }
    }
}
