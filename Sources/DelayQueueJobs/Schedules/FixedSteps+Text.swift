extension FixedSteps {
    /// Reads `@every 90s`, or `@every 90s from 1735689600s`.
    init(parsing words: [Substring]) throws(RecurrenceError) {
        guard words.count == 2 || words.count == 4 && words[2] == "from",
            let interval = Self.microseconds(words[1]), let anchor = words.count == 2 ? 0 : Self.anchor(words[3])
        else {
            throw RecurrenceError(
                .invalidInterval,
                "\(words.joined(separator: " ").quoted) is not understood: write @every and an interval like 90s or "
                    + "1h30m (h, m, s, ms, us), perhaps with a first time like from 1735689600s")
        }
        try self.init(interval: interval, anchor: anchor, words: String(words[1]))
    }

    /// Whole numbers with a unit behind each.
    private static func microseconds(_ text: Substring) -> Int64? {
        var sum: Int64 = 0
        var rest = text
        repeat {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(name.count)
            guard let unit = units.first(where: { $0.name == name })?.microseconds, let number = Int64(digits) else {
                return nil
            }
            let (product, isTooMuch) = number.multipliedReportingOverflow(by: unit)
            let (total, isTooMuchNow) = sum.addingReportingOverflow(product)
            if isTooMuch || isTooMuchNow { return nil }
            sum = total
        } while !rest.isEmpty
        return sum
    }

    private static func anchor(_ text: Substring) -> Int64? {
        text.hasPrefix("-") ? microseconds(text.dropFirst()).map { -$0 } : microseconds(text)
    }

    /// From the longest on.
    private static let units: [(name: String, microseconds: Int64)] = [
        ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1),
    ]
}

extension FixedSteps: CustomStringConvertible {
    var description: String {
        "@every \(Self.text(interval))" + (anchor == 0 ? "" : " from \(Self.text(anchor))")
    }

    /// In seconds where they are whole, else in the next unit that is.
    static func text(_ microseconds: Int64) -> String {
        let unit = units.dropFirst(2).first { microseconds % $0.microseconds == 0 }
        return unit.map { "\(microseconds / $0.microseconds)\($0.name)" } ?? ""
    }
}

extension Duration {
    /// Rounded, as the duration of 1.1 seconds is a little more than that; nil for more than can be counted.
    var nearestMicrosecond: Int64? {
        let (seconds, attoseconds) = components
        let (product, isTooMuch) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, isTooMuchNow) = product.addingReportingOverflow(
            (attoseconds / 100_000_000_000 + 5).dividedDown(by: 10).quotient)
        return isTooMuch || isTooMuchNow ? nil : sum
    }
}
