import DelayQueue
import NIOConcurrencyHelpers

/// A civil clock that moves when it is told to.
final class ManualClock: Sendable {
    private let microseconds: NIOLockedValueBox<Int64>

    init(_ microseconds: Int64 = 1_795_000_000_000_000) {
        self.microseconds = NIOLockedValueBox(microseconds)
    }

    var now: Timestamp { Timestamp(microseconds: microseconds.withLockedValue { $0 }) }

    func advance(by duration: Duration) {
        let later = now + duration
        microseconds.withLockedValue { $0 = later.microseconds }
    }
}
