package import DelayQueue
public import Foundation
import NIOConcurrencyHelpers
import NIOCore

/// The clock of a ``TestQueue``: it stands still until the test moves it.
///
/// Code under test that takes a `Clock` sleeps on it in no time.
public struct TestClock: Clock {
    /// Time since the queue was made.
    public struct Instant: InstantProtocol {
        let offset: Duration

        public func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }

        public func duration(to other: Instant) -> Duration { other.offset - offset }

        public static func < (a: Instant, b: Instant) -> Bool { a.offset < b.offset }
    }

    /// By the event loop's time the queue was made then, so that nothing that is reckoned back from it is negative.
    static let origin = NIODeadline.uptimeNanoseconds(3_600_000_000_000)

    let start: Timestamp
    let eventLoop: TestEventLoop

    public var now: Instant { Instant(offset: .nanoseconds((eventLoop.now - Self.origin).nanoseconds)) }

    public var minimumResolution: Duration { .microseconds(1) }

    /// The date that the clock shows.
    public var date: Date { read().wall.date }

    /// Waits until the test has moved the clock so far.
    ///
    /// The task counts as a handler that has nothing to do meanwhile, so one that sleeps here does not keep the test from
    /// moving on. So let handlers sleep here, each in one task at a time: of others, time would not wait for handlers at
    /// work.
    ///
    /// - Throws: `CancellationError`.
    public func sleep(until deadline: Instant, tolerance: Duration? = nil) async throws {
        let at = Self.origin + TimeAmount(deadline.offset)
        let sleeper = NIOLockedValueBox<(waiter: CheckedContinuation<Void, any Error>?, timer: Scheduled<Void>?)>(
            (nil, nil))
        let wake: @Sendable (Result<Void, any Error>) -> Void = { [eventLoop] result in
            let (waiter, timer) = sleeper.withLockedValue { state in
                defer { state = (nil, nil) }
                return state
            }
            timer?.cancel()
            guard let waiter else { return }
            eventLoop.busyChanged(by: 1)
            waiter.resume(with: result)
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                sleeper.withLockedValue { $0.waiter = waiter }
                let timer = eventLoop.scheduleTask(deadline: at) { wake(.success(())) }
                sleeper.withLockedValue { if $0.waiter != nil { $0.timer = timer } }
                eventLoop.busyChanged(by: -1)
                // Looked at only here: a cancellation that came before found nobody to wake.
                if Task.isCancelled { wake(.failure(CancellationError())) }
                eventLoop.execute {}
            }
        } onCancel: {
            wake(.failure(CancellationError()))
        }
    }
}

extension TestClock: EngineClock {
    package func read() -> Moment {
        let elapsed = (eventLoop.now - Self.origin).nanoseconds / 1_000
        return Moment(
            wall: Timestamp(microseconds: start.microseconds + elapsed),
            uptime: Uptime(microseconds: 3_600_000_000 + elapsed))
    }

    package var timerMargin: Duration { .zero }

    package func busyTasksChanged(by change: Int) { eventLoop.busyChanged(by: change) }
}
