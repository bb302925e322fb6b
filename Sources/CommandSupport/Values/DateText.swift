package import DelayQueue

/// Instants as people and programs write them: ISO 8601 with a time zone, or `@` and unix seconds.
package enum DateText {
    private static let example = "2026-01-02T03:04:05.678Z"

    // MARK: Reading

    /// Reads `2026-01-02T03:04:05.678Z`, `2026-01-02T03:04:05+02:00` or `@1735689600.25`.
    ///
    /// What is finer than a microsecond is rounded up, so that nothing is early.
    ///
    /// - Throws: `InvalidText`, naming what is wrong.
    package static func parse(_ text: String) throws(InvalidText) -> Timestamp {
        guard !text.isEmpty else { throw InvalidText("it is empty; write a date such as \(example)") }
        if text.hasPrefix("@") {
            guard let seconds = DecimalText(text.dropFirst()) else {
                throw InvalidText("after @ comes a number of seconds since 1970, such as @1735689600.25")
            }
            return Timestamp(microseconds: 0) + seconds.times(.seconds(1))
        }
        var scanner = Scanner(text)
        let year = try scanner.number(digits: 4, "year", 1...9999)
        try scanner.expect("-", after: "the year")
        let month = try scanner.number(digits: 2, "month", 1...12)
        try scanner.expect("-", after: "the month")
        let day = try scanner.number(digits: 2, "day", 1...CalendarDay.lengthOfMonth(month, year: year))
        try scanner.expect("Tt ", after: "the day")
        let hour = try scanner.number(digits: 2, "hour", 0...23)
        try scanner.expect(":", after: "the hour")
        let minute = try scanner.number(digits: 2, "minute", 0...59)
        try scanner.expect(":", after: "the minute")
        let second = try scanner.number(digits: 2, "second", 0...59)
        let fraction = try scanner.fraction()
        let offset = try scanner.offset()

        let days = CalendarDay(year: year, month: month, day: day).daysSinceEpoch
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
        return Timestamp(microseconds: Int64(seconds) * 1_000_000) + fraction
    }

    /// Takes a date apart from its beginning.
    private struct Scanner {
        private var rest: Substring

        init(_ text: String) {
            rest = text[...]
        }

        mutating func number(digits: Int, _ name: String, _ range: ClosedRange<Int>) throws(InvalidText) -> Int {
            let text = rest.prefix(digits)
            guard text.utf8.count == digits, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int(text)
            else {
                throw InvalidText(
                    "the \(name) is not \(digits) digits; write a date such as \(example), or @ and seconds")
            }
            guard range.contains(number) else {
                throw InvalidText("the \(name) is \(text), not within \(range.lowerBound) to \(range.upperBound)")
            }
            rest = rest.dropFirst(digits)
            return number
        }

        mutating func expect(_ characters: String, after part: String) throws(InvalidText) {
            guard let first = rest.first, characters.contains(first) else {
                throw InvalidText(
                    "\(characters.prefix(1)) is missing after \(part); write for example \(example), or @ and seconds")
            }
            rest = rest.dropFirst()
        }

        mutating func fraction() throws(InvalidText) -> Duration {
            guard rest.first == "." || rest.first == "," else { return .zero }
            let digits = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
            guard let value = DecimalText("0." + digits) else {
                throw InvalidText("the fraction of the second is not 1 to 9 digits")
            }
            rest = rest.dropFirst(1 + digits.count)
            return value.times(.seconds(1))
        }

        /// - Returns: seconds east of Greenwich.
        mutating func offset() throws(InvalidText) -> Int {
            switch rest.first {
            case "Z", "z":
                rest = rest.dropFirst()
                guard rest.isEmpty else { throw trailing }
                return 0
            case "+", "-":
                let sign = rest.first == "-" ? -1 : 1
                rest = rest.dropFirst()
                let hours = try number(digits: 2, "time zone's hour", 0...23)
                if rest.first == ":" { rest = rest.dropFirst() }
                let minutes = try number(digits: 2, "time zone's minute", 0...59)
                guard rest.isEmpty else { throw trailing }
                return sign * (hours * 3600 + minutes * 60)
            case nil:
                throw InvalidText("the time zone is missing; end the date with Z or an offset such as +02:00")
            default:
                throw InvalidText(
                    "\(String(rest).debugDescription) is no time zone; write Z or an offset such as +02:00")
            }
        }

        private var trailing: InvalidText {
            InvalidText("\(String(rest).debugDescription) follows the date's end")
        }
    }

    // MARK: Writing

    /// ISO 8601 in UTC with microseconds: `2026-01-02T03:04:05.678000Z`.
    package static func string(_ time: Timestamp) -> String {
        let (seconds, microseconds) = floorDivide(time.microseconds, by: 1_000_000)
        let (days, secondOfDay) = floorDivide(seconds, by: 86_400)
        let day = CalendarDay(daysSinceEpoch: Int(days))
        let date = "\(padded(Int64(day.year), 4))-\(padded(Int64(day.month), 2))-\(padded(Int64(day.day), 2))"
        let hour = padded(secondOfDay / 3600, 2)
        let minute = padded(secondOfDay / 60 % 60, 2)
        return "\(date)T\(hour):\(minute):\(padded(secondOfDay % 60, 2)).\(padded(microseconds, 6))Z"
    }

    private static func floorDivide(_ number: Int64, by divisor: Int64) -> (quotient: Int64, rest: Int64) {
        let (quotient, rest) = number.quotientAndRemainder(dividingBy: divisor)
        return rest < 0 ? (quotient - 1, rest + divisor) : (quotient, rest)
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(width - text.utf8.count, 0)) + text
    }
}
