/// Why a text or a setting says no times at which a job could run.
///
/// It comes before anything was scheduled: no job is written or changed.
public struct RecurrenceError: Error, Sendable, Hashable {
    public var code: Code

    /// What was wrong, where, what is allowed and how to mend it: for people, not for programs.
    public var message: String

    /// Which field of a crontab is wrong, counted from 1 as it was written; nil where it is none of them.
    public var field: Int?

    public init(_ code: Code, _ message: String, field: Int? = nil) {
        self.code = code
        self.message = message
        self.field = field
    }

    /// A stable name for the kind of error.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String, Sendable {
            case textTooLong, wrongFieldCount, invalidField, unknownShorthand, unknownTimeZone
            case invalidInterval, invalidTime
        }

        private let value: Value

        /// A crontab of more than 1,000 bytes.
        public static let textTooLong = Code(value: .textTooLong)
        /// A crontab that has neither five fields nor six.
        public static let wrongFieldCount = Code(value: .wrongFieldCount)
        /// A field of a crontab; `field` says which.
        public static let invalidField = Code(value: .invalidField)
        /// A word like `@daily` that is none of those known.
        public static let unknownShorthand = Code(value: .unknownShorthand)
        /// `CRON_TZ=` with a name that this system knows no time zone by.
        public static let unknownTimeZone = Code(value: .unknownTimeZone)
        /// An interval or an anchor of `every` that is out of its range.
        public static let invalidInterval = Code(value: .invalidInterval)
        /// A time of day, a minute or a day that does not exist, or no day at all.
        public static let invalidTime = Code(value: .invalidTime)

        public var description: String { value.rawValue }
    }
}

extension RecurrenceError: CustomStringConvertible {
    public var description: String { "\(code): \(message)" }
}

extension StringProtocol {
    /// What somebody wrote, in quotes, made safe for messages and logs: visible ASCII only, 40 signs at most.
    var quoted: String {
        var text = "\""
        for (index, scalar) in unicodeScalars.enumerated() {
            if index == 40 { return text + "…\"" }
            text += scalar.escaped(asASCII: true)
        }
        return text + "\""
    }
}
