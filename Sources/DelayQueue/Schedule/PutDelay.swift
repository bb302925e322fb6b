/// The whole seconds a node is asked to keep a copy back.
///
/// Less than the time remaining, so that the copy is ready a little before its date and a consumer can hold it until
/// the exact instant.
package enum PutDelay {
    /// How much earlier than its date a copy is ready at least, for the way to the consumer.
    package static let margin: Duration = .milliseconds(50)

    private static let marginLength = margin.wholeMicroseconds

    /// The delay for a put.
    ///
    /// - Returns: 0 where the date is past.
    /// - Throws: `dateTooFar` beyond 2³²−1 seconds, the most the protocol can say.
    package static func seconds(until fireTime: Timestamp, now: Timestamp) throws(DelayQueueError) -> UInt32 {
        let seconds = wholeSeconds(until: fireTime, now: now)
        guard seconds <= Int64(UInt32.max) else {
            throw DelayQueueError(
                .dateTooFar, "a node can keep a job back for \(UInt32.max) seconds at most, not \(seconds)")
        }
        return UInt32(seconds)
    }

    /// The delay for a put in go-queue's format, whose consumers run a copy as soon as it is ready: go-queue's own, which
    /// is the whole seconds that were asked for. So a delay of whole seconds ends at the date, and not before it.
    ///
    /// What has passed since the job was prepared counts, but for as much as that takes.
    ///
    /// - Parameter asked: how far away the date was when the job was prepared.
    package static func goQueueSeconds(asked: Duration, until fireTime: Timestamp, now: Timestamp) -> UInt32 {
        let left = now.duration(to: fireTime)
        let passed = min(max(asked - left, .zero), margin)
        return UInt32(clamping: (left + passed).components.seconds)
    }

    /// The delay for releasing a reserved copy that is not due yet; one too far away is released again later.
    package static func releaseSeconds(until fireTime: Timestamp, now: Timestamp) -> UInt32 {
        UInt32(clamping: wholeSeconds(until: fireTime, now: now))
    }

    /// The delay of a copy that must not be ready early, because no consumer will hold it for the rest of its last
    /// second.
    package static func secondsRoundedUp(_ delay: Duration) -> UInt32 {
        UInt32(clamping: (max(delay, .zero) + .nanoseconds(999_999_999)).components.seconds)
    }

    private static func wholeSeconds(until fireTime: Timestamp, now: Timestamp) -> Int64 {
        // In whole numbers, as it is asked for every copy: arithmetic with `Duration` takes many times as long.
        let (wait, overflow) = fireTime.microseconds.subtractingReportingOverflow(now.microseconds)
        if overflow { return fireTime < now ? 0 : .max }
        return wait <= marginLength ? 0 : (wait - marginLength) / 1_000_000
    }
}
