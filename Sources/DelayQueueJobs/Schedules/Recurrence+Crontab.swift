public import Foundation

extension Recurrence {
    /// The times that a crontab names.
    ///
    /// | field | values |
    /// |---|---|
    /// | second | 0…59; only where there are six fields, else it is 0 |
    /// | minute | 0…59 |
    /// | hour | 0…23 |
    /// | day | 1…31, `L` for the last day of the month |
    /// | month | 1…12 or `jan`…`dec` |
    /// | weekday | 0…6 from Sunday on, 7 for Sunday too, or `sun`…`sat` |
    ///
    /// Fields stand between blanks. Each is `*` or a list with commas of numbers and ranges (`5`, `1-5`, `mon-fri`),
    /// perhaps with a step: `*/15`, `10-40/15`, and `5/15`, which goes on to the field's end. Names are read in either
    /// case. In the fields of days `?` means `*`. What other programs add (`W`, `#`, years) is refused.
    ///
    /// **Days.** Where day and weekday both name some, one of them is enough: `0 9 13 * fri` is each 13th and each
    /// Friday. Where one of them is `*`, or a star with a step, both must match: `0 9 */2 * fri` is each Friday with an
    /// odd date. (A list in which a star stands counts as one that names some.)
    ///
    /// Instead of fields: `@hourly`, `@daily` or `@midnight`, `@weekly` (Sunday), `@monthly`, `@yearly` or `@annually`,
    /// and `@every 1h30m` (`h`, `m`, `s`, `ms`, `us`), which is ``every(_:startingAt:)``; `from 1735689600s` behind
    /// that is the anchor, so long after 1970-01-01T00:00:00Z.
    ///
    /// What happens where clocks are changed is told at ``Recurrence``.
    ///
    /// - Parameters:
    ///   - text: at most 1,000 bytes. `CRON_TZ=Europe/Berlin` in front names a time zone, and counts instead of
    ///     `timeZone`.
    ///   - timeZone: whose clock it is that shows the times; GMT by default, so that where a process runs makes no
    ///     difference.
    /// - Throws: `textTooLong`, `wrongFieldCount`, `invalidField`, `unknownShorthand`, `unknownTimeZone`,
    ///   `invalidInterval`.
    public static func crontab(
        _ text: String, in timeZone: TimeZone = .gmt
    ) throws(RecurrenceError) -> Recurrence {
        guard text.utf8.count <= longestCrontab else {
            throw RecurrenceError(
                .textTooLong,
                "a crontab has at most \(longestCrontab) bytes, and \(text.quoted) has \(text.utf8.count): write "
                    + "ranges and steps instead of long lists")
        }
        var words = text.split { $0.isASCII && $0.isWhitespace }
        var timeZone = timeZone
        let assignment = "CRON_TZ="
        if let first = words.first, first.hasPrefix(assignment) {
            timeZone = try zone(first.dropFirst(assignment.count))
            words.removeFirst()
        }
        if let first = words.first, first.hasPrefix("@") {
            if first.lowercased() == "@every" { return Recurrence(try FixedSteps(parsing: words)) }
            guard words.count == 1, let fields = shorthands[first.lowercased()] else {
                throw unknown(words)
            }
            words = fields.split(separator: " ")
        }
        return Recurrence(try CrontabFields(words, text: text), in: timeZone)
    }

    /// In bytes. All fields with all their numbers one by one have fewer than 600.
    private static let longestCrontab = 1_000

    private static let shorthands = [
        "@hourly": "0 * * * *",
        "@daily": "0 0 * * *", "@midnight": "0 0 * * *",
        "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *",
        "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
    ]

    private static func unknown(_ words: [Substring]) -> RecurrenceError {
        RecurrenceError(
            .unknownShorthand,
            "\(words.joined(separator: " ").quoted) is not known: write @hourly, @daily, @midnight, @weekly, @monthly, "
                + "@yearly, @annually or @every with an interval, and no fields beside it")
    }

    private static func zone(_ name: Substring) throws(RecurrenceError) -> TimeZone {
        let isPlain = name.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "-"),
                UInt8(ascii: "/"):
                true
            default: false
            }
        }
        guard isPlain, !name.isEmpty, let zone = TimeZone(identifier: String(name)) else {
            throw RecurrenceError(
                .unknownTimeZone,
                "CRON_TZ=\(name.quoted) names no time zone that is known here: write a name like Europe/Berlin")
        }
        return zone
    }
}

extension CrontabFields {
    /// - Parameter text: the whole of what was written, for messages.
    init(_ words: [Substring], text: String) throws(RecurrenceError) {
        let hasSeconds = words.count == 6
        guard hasSeconds || words.count == 5 else {
            throw RecurrenceError(
                .wrongFieldCount,
                "a crontab has 5 fields (minute hour day month weekday), or 6 with the second in front, and "
                    + "\(text.quoted) has \(words.count): "
                    + (words.count < 5 ? "write * for each that is to be any" : "years and commands are not among them")
            )
        }
        let offset = hasSeconds ? 1 : 0
        func value(_ field: CrontabField) throws(RecurrenceError) -> CrontabFieldValue {
            let index = field.rawValue - 1 + offset
            return try CrontabFieldReader(field: field, number: index + 1).read(words[index])
        }
        self.init(
            second: hasSeconds ? try value(.second) : .only(0), minute: try value(.minute), hour: try value(.hour),
            day: try value(.day), month: try value(.month), weekday: try value(.weekday))
    }
}
