import Foundation

extension Date {
    /// The latest date that is not after a moment, in microseconds since 1970-01-01T00:00:00Z; exact for whole seconds.
    ///
    /// A date counts seconds in binary fractions. Rounded down, it is the same microsecond again where it is rounded
    /// up.
    init(microseconds: Int64) {
        let (whole, rest) = microseconds.dividedDown(by: 1_000_000)
        let base = Double(whole - Self.reference)
        var seconds = base + Double(rest) / 1_000_000
        if (seconds - base) * 1_000_000 > Double(rest) { seconds = seconds.nextDown }
        self.init(timeIntervalSinceReferenceDate: seconds)
    }

    /// The nearest microsecond since 1970-01-01T00:00:00Z; nil for a date that is millennia away, or not a number.
    var nearestMicrosecond: Int64? {
        let (whole, fraction) = wholeSecondsAndFraction
        guard Recurrence.instants.contains(whole) else { return nil }
        return whole * 1_000_000 + Int64((fraction * 1_000_000).rounded())
    }

    /// Seconds since 1970-01-01T00:00:00Z, rounded down, and what is left of one.
    ///
    /// Dates that are millennia away are taken for some that are; what is not a number, for one far in the future.
    var wholeSecondsAndFraction: (Int64, Double) {
        let seconds = timeIntervalSinceReferenceDate
        let limit = 1e15
        guard seconds < limit else { return (Int64(limit), 0) }
        let whole = max(seconds, -limit).rounded(.down)
        return (Int64(whole) + Self.reference, max(seconds, -limit) - whole)
    }

    /// What dates are counted from, in seconds since 1970-01-01T00:00:00Z.
    private static let reference = Int64(Date.timeIntervalBetween1970AndReferenceDate)
}
