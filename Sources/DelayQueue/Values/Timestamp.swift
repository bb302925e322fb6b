#if canImport(FoundationEssentials)
    package import FoundationEssentials
#else
    package import Foundation
#endif

/// A moment of civil time in microseconds, the resolution of job records and of Redis's clock.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Since 1970-01-01T00:00:00Z.
    package var microseconds: Int64

    /// The last moment that ledger scripts, which count in 64-bit floats, represent exactly: in the year 2255.
    package static let latest = Timestamp(microseconds: 1 << 53)

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    /// The system's civil clock.
    package static func now() -> Timestamp {
        Timestamp(microseconds: SystemTime.civil())
    }

    /// The first microsecond that is not before the date, so that nothing fires early.
    ///
    /// Dates before the year 1700 are taken for that year.
    ///
    /// - Throws: `dateTooFar` for a date after the year 2255, or one that is not a number.
    package init(_ date: Date) throws(DelayQueueError) {
        let seconds = date.timeIntervalSinceReferenceDate
        let limit = Double(Self.latest.microseconds / 1_000_000)
        guard seconds + Date.timeIntervalBetween1970AndReferenceDate < limit else {
            throw DelayQueueError(.dateTooFar, "the date is beyond the year 2255, or not a number")
        }
        let bounded = max(seconds, -limit)
        // Splitting first keeps the product exact; what little rounding is left shows in the remainder.
        let whole = bounded.rounded(.down)
        let fraction = bounded - whole
        var steps = (fraction * 1_000_000).rounded(.up)
        if (-steps).addingProduct(fraction, 1_000_000) > 0 { steps += 1 }
        let epoch = Int64(Date.timeIntervalBetween1970AndReferenceDate)
        self.init(microseconds: (Int64(whole) + epoch) * 1_000_000 + Int64(steps))
    }

    /// The latest date that is not after this moment, so that reading it back gives this moment again.
    package var date: Date {
        let (whole, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        let base = Double(whole - Int64(Date.timeIntervalBetween1970AndReferenceDate))
        var seconds = base + Double(rest) / 1_000_000
        if (seconds - base) * 1_000_000 > Double(rest) { seconds = seconds.nextDown }
        return Date(timeIntervalSinceReferenceDate: seconds)
    }

    package static func < (a: Timestamp, b: Timestamp) -> Bool {
        a.microseconds < b.microseconds
    }

    /// Rounds up to the microsecond; stays within the representable range.
    package static func + (time: Timestamp, duration: Duration) -> Timestamp {
        let (sum, overflow) = time.microseconds.addingReportingOverflow(duration.microsecondsRoundedUp)
        return Timestamp(microseconds: overflow ? (duration < .zero ? .min : .max) : sum)
    }

    package static func - (time: Timestamp, duration: Duration) -> Timestamp {
        time + (.zero - duration)
    }

    /// The time from this moment to another; negative when the other came first.
    package func duration(to other: Timestamp) -> Duration {
        let (difference, overflow) = other.microseconds.subtractingReportingOverflow(microseconds)
        return overflow
            ? .microseconds(other.microseconds) - .microseconds(microseconds) : .microseconds(difference)
    }
}
