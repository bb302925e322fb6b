/// A day of the Gregorian calendar, which is taken to have been in use always.
///
/// Foundation's `Calendar` agrees from the year 1582 on. It is asked for offsets of time zones only: to look for the
/// next 29 February that is a Monday is to look at many months, which here are a few instructions each.
struct CivilDay: Hashable {
    var year: Int
    /// From 1.
    var month: Int
    /// From 1.
    var day: Int

    init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// - Parameter number: the days since 1970-01-01.
    init(number: Int) {
        // Years are counted from March, so that the leap day is the last of a year, and from 0000-03-01, which begins a
        // period of 400 years.
        let (era, dayOfEra) = (number + Self.daysToEpoch).dividedDown(by: Self.daysOfEra)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        // From March on months have 31, 30, 31, 30, 31 days, and so again: 153 in five.
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = 400 * era + yearOfEra + (month <= 2 ? 1 : 0)
    }

    /// The days since 1970-01-01.
    var number: Int {
        let (era, yearOfEra) = (month <= 2 ? year - 1 : year).dividedDown(by: 400)
        let monthFromMarch = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        let dayOfEra = 365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * Self.daysOfEra + dayOfEra - Self.daysToEpoch
    }

    /// From Sunday, which is 0.
    var weekday: Int { (number + 4).dividedDown(by: 7).rest }

    /// How many days its month has.
    var daysOfMonth: Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static let daysOfEra = 146_097
    /// From 0000-03-01 to 1970-01-01.
    private static let daysToEpoch = 719_468
}

extension FixedWidthInteger {
    /// The quotient rounded down, and what is left, which is never negative.
    func dividedDown(by divisor: Self) -> (quotient: Self, rest: Self) {
        let (quotient, rest) = quotientAndRemainder(dividingBy: divisor)
        return rest < 0 ? (quotient - 1, rest + divisor) : (quotient, rest)
    }
}
