import Foundation

/// Instants that follow each other after one interval always.
struct FixedSteps: Sendable, Hashable {
    /// In microseconds.
    let interval: Int64
    /// The first of them, in microseconds since 1970-01-01T00:00:00Z.
    let anchor: Int64

    /// A second, and a hundred years.
    static let intervals: ClosedRange<Int64> = 1_000_000...(36_525 * 86_400 * 1_000_000)

    /// - Parameter words: the interval as it was written, for the message.
    init(interval: Int64?, anchor: Int64?, words: String) throws(RecurrenceError) {
        guard let interval, Self.intervals.contains(interval) else {
            throw RecurrenceError(
                .invalidInterval,
                "the interval of \(words) is not within 1 second…36,525 days: write one that is")
        }
        guard let anchor, Recurrence.instants.contains(anchor.dividedDown(by: 1_000_000).quotient) else {
            throw RecurrenceError(.invalidInterval, "the first time is not within the years 1…9999: write one that is")
        }
        self.interval = interval
        self.anchor = anchor
    }

    /// The first step after a date, if it is before the year 10000.
    func next(after date: Date) -> Date? {
        let (whole, fraction) = date.wholeSecondsAndFraction
        guard whole < Recurrence.instants.upperBound else { return nil }
        // Far enough back, and it can be multiplied.
        let since = max(whole, Recurrence.instants.lowerBound - 1) * 1_000_000 + Int64(fraction * 1_000_000)
        var step = anchor + max((since - anchor) / interval, 0) * interval
        // A date is no whole number of microseconds: what is compared are dates.
        while Date(microseconds: step) <= date { step += interval }
        return step < Recurrence.instants.upperBound * 1_000_000 ? Date(microseconds: step) : nil
    }
}
