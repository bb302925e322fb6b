public import Foundation

/// When a job runs again and again: an endless row of instants, its ticks.
///
/// It is made of a crontab (``crontab(_:in:)``, and ``daily(at:in:)`` and its like, which are crontabs too) or of a
/// fixed interval (``every(_:startingAt:)``). It is a value without a clock: the same question has the same answer in
/// every process that has the same data of time zones.
///
/// **Changes of clock.** A crontab tells what a local clock shows; where clocks are put ahead or back, it depends on
/// the field of hours:
///
/// * Where that names certain hours (`30 2 * * *`), each time is an appointment, kept once. A time that is skipped is
///   kept at the next instant that exists: 02:30 at 03:00, where clocks go from 02:00 to 03:00. Several times that are
///   skipped together are one tick. Of a time that comes twice the first is taken.
/// * Where it is `*`, all hours, or a star with a step (`*/15 * * * *`, `0 */2 * * *`), the ticks are the instants at
///   which the clock shows such a time. So every 15 minutes goes on through an hour that comes twice; times that are
///   skipped are left out, and nothing runs in their place.
///
/// Ticks are whole seconds, but for intervals that are not, and follow each other by a second at least.
public struct Recurrence: Sendable, Hashable {
    private enum Rule: Sendable, Hashable {
        case crontab(CrontabFields, LocalClock)
        case steps(FixedSteps)
    }

    private let rule: Rule

    init(_ fields: CrontabFields, in timeZone: TimeZone) {
        rule = .crontab(fields, LocalClock(timeZone: timeZone.fixed))
    }

    init(_ steps: FixedSteps) {
        rule = .steps(steps)
    }

    /// The same interval again and again, whatever clocks and calendars do.
    ///
    /// The ticks are the anchor and each whole number of intervals after it, exactly; none is before the anchor. The
    /// default anchor, 1970-01-01T00:00:00Z, makes all processes agree without a word.
    ///
    /// - Parameters:
    ///   - interval: from a second to 36,525 days (a hundred years); counts to the nearest microsecond.
    ///   - anchor: within the years 1 to 9999; counts to the nearest microsecond.
    /// - Throws: `invalidInterval`.
    public static func every(
        _ interval: Duration, startingAt anchor: Date = Date(timeIntervalSince1970: 0)
    ) throws(RecurrenceError) -> Recurrence {
        let microseconds = interval.nearestMicrosecond
        let words = microseconds.map(FixedSteps.text) ?? "\(interval)"
        return Recurrence(
            try FixedSteps(interval: microseconds, anchor: anchor.nearestMicrosecond, words: words))
    }

    /// The first tick after an instant.
    ///
    /// Quick however rare the ticks are: months are looked at, not minutes, and 400 years of them at most. Ticks are
    /// looked for in the years 1 to 9999.
    ///
    /// - Returns: nil where there is none: for 31 February, which never is, and past the year 9999.
    public func next(after date: Date) -> Date? {
        switch rule {
        case .steps(let steps): return steps.next(after: date)
        case .crontab(let fields, let clock):
            let (whole, _) = date.wholeSecondsAndFraction
            guard whole < Self.instants.upperBound else { return nil }
            let start = max(whole + 1, Self.instants.lowerBound)
            let instant =
                fields.followsElapsedTime
                ? clock.firstInstant(from: start, showing: fields) : clock.firstInstant(from: start, reaching: fields)
            guard let instant, instant < Self.instants.upperBound else { return nil }
            return Date(microseconds: instant * 1_000_000)
        }
    }

    /// The years 1 to 9999, in seconds since 1970-01-01T00:00:00Z.
    static let instants: Range<Int64> = -62_135_596_800..<253_402_300_800
}

extension Recurrence: CustomStringConvertible {
    /// What tells one recurrence from another, such as `CRON_TZ=Europe/Berlin 0 9 * * 1-5` or `@every 90s`.
    ///
    /// It is the same for equal recurrences, in every process, on every platform and in later versions, so it may be
    /// part of an id or a digest. ``crontab(_:in:)`` reads it as an equal recurrence again.
    public var description: String {
        switch rule {
        case .crontab(let fields, let clock): "CRON_TZ=\(clock.timeZone.identifier) \(fields)"
        case .steps(let steps): "\(steps)"
        }
    }
}

extension TimeZone {
    /// The same zone under one name, and not one that follows the system's setting.
    fileprivate var fixed: TimeZone {
        // Which of these Foundation makes one of depends on the platform.
        let isUTC = ["UTC", "GMT", "UCT", "Zulu", "Universal", "Etc/UTC", "Etc/GMT"].contains(identifier)
        return isUTC ? .gmt : TimeZone(identifier: identifier) ?? self
    }
}
