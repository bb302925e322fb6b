extension Duration {
    /// The duration in microseconds, fractions dropped, clamped to what an `Int64` holds.
    package var wholeMicroseconds: Int64 {
        let (seconds, attoseconds) = components
        let (micros, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, overflowed) = micros.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        return overflowed ? .max : sum
    }

    /// The duration in microseconds, rounded up, clamped to what an `Int64` holds.
    var microsecondsRoundedUp: Int64 {
        // Also keeps `components` from trapping, which a sum of long durations could make it do.
        let limit = Duration.seconds(Int64.max / 1_000_000)
        guard self < limit else { return .max }
        guard self > .zero - limit else { return .min }
        let (seconds, attoseconds) = components
        let (quotient, rest) = attoseconds.quotientAndRemainder(dividingBy: 1_000_000_000_000)
        return seconds * 1_000_000 + quotient + (rest > 0 ? 1 : 0)
    }
}
