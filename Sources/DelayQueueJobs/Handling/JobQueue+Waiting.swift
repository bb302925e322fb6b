import DelayQueue
import NIOConcurrencyHelpers
import NIOCore
import PipelinedTransport

extension JobQueue {
    /// Waits on the queue's event loop.
    ///
    /// - Returns: whether the time is over; false where the task was cancelled. Where it is over, the queue's clock takes the
    ///   task for one at work until ``rests()`` is called.
    func wakes(after duration: Duration) async -> Bool {
        let isOver = NIOLockedValueBox(false)
        let clock = configuration.clock
        let timer = eventLoop.scheduleTask(in: TimeAmount(duration)) {
            isOver.withLockedValue { $0 = true }
            clock.busyTasksChanged(by: 1)
        }
        await withTaskCancellationHandler {
            // Fails by cancellation only, which is told by what it returns.
            _ = try? await timer.futureResult.get()
        } onCancel: {
            timer.cancel()
        }
        return isOver.withLockedValue { $0 }
    }

    /// What was to be done when the time was over has been done.
    func rests() {
        configuration.clock.busyTasksChanged(by: -1)
        // So that the event loop sees it.
        eventLoop.execute {}
    }
}
