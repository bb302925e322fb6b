/// Which local times a crontab names. How they were written makes no difference: as a list, a range, steps or names,
/// with fields that restrict nothing.
struct CrontabFields: Sendable, Hashable {
    private(set) var seconds: NumberSet
    private(set) var minutes: NumberSet
    private(set) var hours: NumberSet
    private(set) var days: NumberSet
    /// Whether the last day of each month counts, whichever it is.
    private(set) var hasLastDay: Bool
    private(set) var months: NumberSet
    private(set) var weekdays: NumberSet

    /// Whether a day must be one of `days` and one of `weekdays`; else one of them will do. Where one of the two names
    /// all days, it is true.
    private(set) var needsBothDays: Bool

    /// Whether the hours are all, or one in so many: then what counts is what the clock shows at an instant, and an
    /// hour that comes twice counts twice. Else the times are appointments, each kept once.
    private(set) var followsElapsedTime: Bool

    init(
        second: CrontabFieldValue = .only(0), minute: CrontabFieldValue, hour: CrontabFieldValue,
        day: CrontabFieldValue = .all(.day), month: CrontabFieldValue = .all(.month),
        weekday: CrontabFieldValue = .all(.weekday)
    ) {
        seconds = second.numbers
        minutes = minute.numbers
        hours = hour.numbers
        followsElapsedTime = hour.isOpen || hours == Self.all(.hour)
        months = month.numbers
        days = day.numbers
        weekdays = weekday.numbers
        needsBothDays = day.isOpen || weekday.isOpen
        if !needsBothDays, days == Self.all(.day) || weekdays == Self.all(.weekday) {
            days = Self.all(.day)
            weekdays = Self.all(.weekday)
            needsBothDays = true
        }
        hasLastDay = day.hasLastDay && days != Self.all(.day)
    }

    static func all(_ field: CrontabField) -> NumberSet { NumberSet(field.all) }
}

extension CrontabFields: CustomStringConvertible {
    /// As a crontab that is read as these fields again; with seconds where they are others than 0.
    var description: String {
        var fields: [String] = seconds == NumberSet([0]) ? [] : [text(seconds, .second)]
        fields.append(text(minutes, .minute))
        fields.append(followsElapsedTime ? text(steps: hours, .hour) ?? hours.text : text(hours, .hour))
        var day = text(days, .day)
        var weekday = text(weekdays, .weekday)
        if hasLastDay { day = days.isEmpty ? "L" : day + ",L" }
        if needsBothDays, day != "*", weekday != "*" {
            // A star says that both count; the field that can have one is the one that was written so.
            if !hasLastDay, let steps = text(steps: days, .day) {
                day = steps
            } else if let steps = text(steps: weekdays, .weekday) {
                weekday = steps
            }
        }
        fields += [day, text(months, .month), weekday]
        return fields.joined(separator: " ")
    }

    private func text(_ numbers: NumberSet, _ field: CrontabField) -> String {
        numbers == Self.all(field) ? "*" : numbers.text
    }

    /// As a star with a step; nil where it is no such set.
    private func text(steps numbers: NumberSet, _ field: CrontabField) -> String? {
        guard numbers != Self.all(field) else { return "*" }
        let start = field.all.lowerBound
        guard let second = numbers.first(from: start + 1) else { return nil }
        let step = second - start
        let steps = NumberSet(stride(from: start, through: field.all.upperBound, by: step))
        return steps == numbers ? "*/\(step)" : nil
    }
}
