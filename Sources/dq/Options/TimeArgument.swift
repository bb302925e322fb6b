import ArgumentParser
import CommandSupport
import DelayQueue
import Foundation

/// Instants on the command line: a date, or a duration from now.
enum TimeArgument {
    /// - Returns: nil for an empty text.
    /// - Throws: `ValidationError`.
    static func future(_ text: some StringProtocol, option: String) throws -> Date? {
        try parse(text, option) { .now() + $0 }
    }

    /// As ``future(_:option:)``, but a duration goes back from now.
    static func past(_ text: some StringProtocol, option: String) throws -> Date? {
        try parse(text, option) { .now() - $0 }
    }

    private static func parse(
        _ text: some StringProtocol, _ option: String, _ instant: (Duration) -> Timestamp
    ) throws -> Date? {
        guard !text.isEmpty else { return nil }
        do throws(InvalidText) {
            if text.first != "@", let length = try? DurationText.parse(String(text)) { return instant(length).date }
            return try DateText.parse(String(text)).date
        } catch {
            throw ValidationError("\(option): \(String(text).debugDescription): \(error), or a duration such as 2h")
        }
    }
}
