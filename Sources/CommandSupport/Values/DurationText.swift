/// Lengths of time as people write them: `1.5s`, `250ms`, `10m`, `2h`, `1d`, and combinations such as `1h30m`.
package enum DurationText {
    private static let units: [(name: String, length: Duration)] = [
        ("ms", .milliseconds(1)),
        ("s", .seconds(1)),
        ("m", .seconds(60)),
        ("h", .seconds(3600)),
        ("d", .seconds(86_400)),
    ]

    /// - Throws: `InvalidText`, naming what is wrong.
    package static func parse(_ text: String) throws(InvalidText) -> Duration {
        guard !text.isEmpty else {
            throw InvalidText("it is empty; write a duration such as 1.5s, 250ms, 10m or 1h30m")
        }
        var rest = text[...]
        var total = Duration.zero
        var seen: Set<String> = []
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(number.count)
            let name = rest.prefix { !($0.isASCII && ($0.isNumber || $0 == ".")) }
            rest = rest.dropFirst(name.count)
            guard !number.isEmpty else {
                throw InvalidText(
                    "\(String(name).debugDescription) has no number before it; write for example 10m or 1.5s")
            }
            guard let value = DecimalText(number) else {
                throw InvalidText(
                    "\(String(number).debugDescription) is not a number of at most 10 digits and 9 decimals")
            }
            guard !name.isEmpty else { throw InvalidText("\(number) has no unit; write ms, s, m, h or d after it") }
            guard let unit = units.first(where: { $0.name == name }) else {
                throw InvalidText(
                    "\(String(name).debugDescription) is no unit of time; the units are ms, s, m, h and d")
            }
            guard seen.insert(unit.name).inserted else { throw InvalidText("the unit \(unit.name) appears twice") }
            total += value.times(unit.length)
        }
        return total
    }

    /// Reads a number of seconds, or a duration with units.
    package static func parseSeconds(_ text: String) throws(InvalidText) -> Duration {
        if let number = DecimalText(text) { return number.times(.seconds(1)) }
        return try parse(text)
    }
}
