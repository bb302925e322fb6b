import Foundation

extension Date {
    /// An instant as it is written in tests: `2026-03-29T01:00:00Z`.
    static func at(_ text: String) throws -> Date {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: text.contains("."))
        return try style.parse(text)
    }

    /// The same, with milliseconds where there are some.
    var written: String {
        let hasFraction = timeIntervalSinceReferenceDate != timeIntervalSinceReferenceDate.rounded(.down)
        return Date.ISO8601FormatStyle(includingFractionalSeconds: hasFraction).format(self)
    }
}

extension TimeZone {
    static func named(_ name: String) throws -> TimeZone {
        guard let zone = TimeZone(identifier: name) else { throw UnknownZone(name: name) }
        return zone
    }

    struct UnknownZone: Error {
        var name: String
    }
}
