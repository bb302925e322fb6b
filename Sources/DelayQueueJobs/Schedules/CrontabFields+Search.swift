extension CrontabFields {
    /// The first local time named by the fields that is not before another one.
    ///
    /// It jumps from month to month, so it is quick however rare the times are.
    ///
    /// - Parameter local: seconds since 1970-01-01T00:00:00 as the local clock shows them.
    /// - Returns: nil where there is none before the year 10000.
    func first(from local: Int64) -> Int64? {
        let (number, time) = local.dividedDown(by: 86_400)
        let today = CivilDay(number: Int(number))
        if months.contains(today.month), matchingDays(of: today).contains(today.day),
            let time = firstTime(from: Int(time))
        {
            return number * 86_400 + Int64(time)
        }
        guard let day = firstDay(after: today), let time = firstTime(from: 0) else { return nil }
        return Int64(day.number) * 86_400 + Int64(time)
    }

    private func firstDay(after today: CivilDay) -> CivilDay? {
        var day = today
        day.day += 1
        // After 400 years all dates come again on the same weekdays: what has not come by then never will.
        let end = min(today.year + 401, 10_000)
        while day.year < end {
            if months.contains(day.month), let match = matchingDays(of: day).first(from: day.day) {
                day.day = match
                return day
            }
            day.day = 1
            if let month = months.first(from: day.month + 1) {
                day.month = month
            } else {
                day.month = months.first() ?? 1
                day.year += 1
            }
        }
        return nil
    }

    /// Which days of a month match.
    private func matchingDays(of month: CivilDay) -> NumberSet {
        var dates = days
        let length = month.daysOfMonth
        if hasLastDay { dates.insert(length) }
        // Seven bits that repeat, moved so that the bit of day 1 is that of its weekday. Bit 0 stands for no day.
        let first = CivilDay(year: month.year, month: month.month, day: 1).weekday
        let repeated = (0..<6).reduce(into: UInt64(0)) { $0 |= weekdays.bits << UInt64(7 * $1) }
        let named = (repeated >> UInt64(first)) << 1
        let there = (UInt64(1) << UInt64(length + 1)) - 2
        return NumberSet(bits: (needsBothDays ? dates.bits & named : dates.bits | named) & there)
    }

    /// The first time of a day in seconds; nil where none is left.
    private func firstTime(from time: Int) -> Int? {
        let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60)
        if hours.contains(hour) {
            if minutes.contains(minute), let second = seconds.first(from: second) {
                return hour * 3_600 + minute * 60 + second
            }
            if let minute = minutes.first(from: minute + 1), let second = seconds.first() {
                return hour * 3_600 + minute * 60 + second
            }
        }
        guard let hour = hours.first(from: hour + 1), let minute = minutes.first(), let second = seconds.first()
        else { return nil }
        return hour * 3_600 + minute * 60 + second
    }
}
