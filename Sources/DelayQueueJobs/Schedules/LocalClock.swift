import Foundation

/// What clocks of a time zone show, and when.
///
/// Instants and local times are whole seconds since 1970-01-01T00:00:00, of UTC and as the local clock shows them.
/// Offsets of zones are whole seconds, and are taken to change once in 52 hours at most: since 1970 none did so twice
/// within six days.
struct LocalClock: Sendable, Hashable {
    let timeZone: TimeZone

    /// How far two offsets of a zone may be apart: a zone that moved across the date line changed by a day.
    private static let reach: Int64 = 26 * 3_600

    private func offset(at instant: Int64) -> Int64 {
        Int64(timeZone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(instant))))
    }

    /// When an offset that is one at an instant and another one at a later instant changes.
    private func change(after start: Int64, upTo end: Int64) -> Int64 {
        let offset = offset(at: start)
        var (start, end) = (start, end)
        while end - start > 1 {
            let middle = start + (end - start) / 2
            if self.offset(at: middle) == offset { start = middle } else { end = middle }
        }
        return end
    }

    /// The first instant, not before another one, at which the clock shows a time that the fields name.
    ///
    /// Times that are skipped are not shown, and those that come twice are shown twice.
    func firstInstant(from start: Int64, showing fields: CrontabFields) -> Int64? {
        var start = start
        while true {
            let offset = offset(at: start)
            guard let local = fields.first(from: start + offset) else { return nil }
            // Right if the offset stays.
            let instant = local - offset
            let isNear = instant - start < 2 * Self.reach
            let end = isNear ? instant : start + Self.reach
            if self.offset(at: end) != offset {
                start = change(after: start, upTo: end)
            } else if isNear {
                return instant
            } else {
                // The clock was not put back, so no time before this one comes again. This one is shown within so long
                // of when it would be if the offset stayed.
                start = instant - Self.reach
            }
        }
    }

    /// The first instant, not before another one, at which a time that the fields name is reached: shown for the first
    /// time, or skipped.
    func firstInstant(from start: Int64, reaching fields: CrontabFields) -> Int64? {
        let before = start - 1
        guard let local = fields.first(from: latest(until: before) + 1) else { return nil }
        let guess = local - offset(at: before)
        let (early, late) = (guess - Self.reach, guess + Self.reach)
        let (old, new) = (offset(at: early), offset(at: late))
        guard old != new else { return local - old }
        let change = change(after: early, upTo: late)
        return local - old < change ? local - old : max(change, local - new)
    }

    /// The latest local time that was shown until an instant: more than is shown then, if the clock was put back.
    private func latest(until instant: Int64) -> Int64 {
        let early = instant - Self.reach
        let (old, new) = (offset(at: early), offset(at: instant))
        guard old > new else { return instant + new }
        return max(instant + new, change(after: early, upTo: instant) - 1 + old)
    }
}
