public import Foundation

extension Recurrence {
    /// Once an hour: at a minute of each hour that the clock shows.
    ///
    /// An hour that comes twice has two ticks, one that is skipped none.
    ///
    /// - Parameters:
    ///   - minute: 0…59.
    ///   - timeZone: matters where offsets are no whole hours, as in Kathmandu.
    /// - Throws: `invalidTime`.
    public static func hourly(
        atMinute minute: Int = 0, in timeZone: TimeZone = .gmt
    ) throws(RecurrenceError) -> Recurrence {
        guard CrontabField.minute.allowed.contains(minute) else {
            throw RecurrenceError(.invalidTime, "hourly: minute \(minute) is not within 0…59")
        }
        return Recurrence(CrontabFields(minute: .only(minute), hour: .all(.hour)), in: timeZone)
    }

    /// Once a day. A time that is skipped or comes twice there is treated as told at ``Recurrence``.
    public static func daily(at time: TimeOfDay, in timeZone: TimeZone = .gmt) -> Recurrence {
        Recurrence(time.fields(), in: timeZone)
    }

    /// On some days of each week.
    ///
    /// - Throws: `invalidTime` where there is no day.
    public static func weekly(
        on weekdays: Set<Locale.Weekday>, at time: TimeOfDay, in timeZone: TimeZone = .gmt
    ) throws(RecurrenceError) -> Recurrence {
        guard !weekdays.isEmpty else {
            throw RecurrenceError(
                .invalidTime, "weekly: there is no day, so it would never run: name one, as in [.monday]")
        }
        // Foundation names them as crontabs do.
        let numbers = weekdays.compactMap { CrontabField.weekday.names.firstIndex(of: $0.rawValue) }
        return Recurrence(time.fields(weekday: CrontabFieldValue(numbers: NumberSet(numbers))), in: timeZone)
    }

    /// Once a month; on a day that some months do not have, once in each month that has it.
    ///
    /// - Throws: `invalidTime` where no month has such a day.
    public static func monthly(
        on day: MonthDay, at time: TimeOfDay, in timeZone: TimeZone = .gmt
    ) throws(RecurrenceError) -> Recurrence {
        guard let number = day.number else {
            return Recurrence(time.fields(day: CrontabFieldValue(hasLastDay: true)), in: timeZone)
        }
        guard CrontabField.day.allowed.contains(number) else {
            throw RecurrenceError(
                .invalidTime, "monthly: day \(number) is not within 1…31; .last is the last of each month")
        }
        return Recurrence(time.fields(day: .only(number)), in: timeZone)
    }

    /// A time that a local clock shows, to the second.
    public struct TimeOfDay: Sendable, Hashable {
        let hour: Int
        let minute: Int
        let second: Int

        /// - Parameters:
        ///   - hour: 0…23.
        ///   - minute: 0…59.
        ///   - second: 0…59.
        /// - Throws: `invalidTime`.
        public init(hour: Int, minute: Int = 0, second: Int = 0) throws(RecurrenceError) {
            for (number, field) in [(hour, CrontabField.hour), (minute, .minute), (second, .second)]
            where !field.allowed.contains(number) {
                throw RecurrenceError(.invalidTime, "\(field.name) \(number) is not within \(field.allowed.written)")
            }
            self.init(checked: hour, minute, second)
        }

        private init(checked hour: Int, _ minute: Int, _ second: Int) {
            (self.hour, self.minute, self.second) = (hour, minute, second)
        }

        public static let midnight = TimeOfDay(checked: 0, 0, 0)
        public static let noon = TimeOfDay(checked: 12, 0, 0)

        fileprivate func fields(
            day: CrontabFieldValue = .all(.day), weekday: CrontabFieldValue = .all(.weekday)
        ) -> CrontabFields {
            CrontabFields(second: .only(second), minute: .only(minute), hour: .only(hour), day: day, weekday: weekday)
        }
    }

    /// A day of a month: a number, or the last.
    public struct MonthDay: Sendable, Hashable, ExpressibleByIntegerLiteral {
        /// nil for the last.
        let number: Int?

        /// - Parameter number: 1…31; others are refused where they are used.
        public init(_ number: Int) {
            self.number = number
        }

        public init(integerLiteral number: Int) {
            self.init(number)
        }

        private init() {
            number = nil
        }

        /// The 28th to the 31st, as months have it.
        public static let last = MonthDay()
    }
}
