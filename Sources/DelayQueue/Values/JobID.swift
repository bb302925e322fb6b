/// The name of a job, the same on all its copies.
///
/// 1 to 200 visible ASCII characters, so that it fits a record's header line and a ledger's key unescaped.
/// Give a job an id of your own to make scheduling it idempotent; otherwise it gets a fresh UUID.
public struct JobID: Hashable, Sendable, CustomStringConvertible {
    /// The longest id in bytes.
    public static let maximumLength = 200

    public let description: String

    /// - Throws: `invalidJobID`.
    public init(_ text: String) throws(DelayQueueError) {
        guard (1...Self.maximumLength).contains(text.utf8.count) else {
            throw DelayQueueError(
                .invalidJobID,
                "a job id has 1 to \(Self.maximumLength) characters, this one \(text.utf8.count) bytes")
        }
        guard text.utf8.allSatisfy(\.isVisibleASCII) else {
            throw DelayQueueError(
                .invalidJobID, "a job id is made of visible ASCII characters without spaces: \(text.debugDescription)")
        }
        self.description = text
    }

    /// For text already known to obey the rule.
    package init(unchecked text: String) {
        self.description = text
    }

    /// A fresh UUID of version 7 (RFC 9562), in lower case.
    ///
    /// Begins with the time in milliseconds and its fraction in 1/4096, so ids made one after the other nearly
    /// always sort so; 62 bits are random.
    public static func random() -> JobID {
        random(at: .now())
    }

    static func random(at time: Timestamp) -> JobID {
        let microseconds = UInt64(max(time.microseconds, 0))
        let (milliseconds, fraction) = microseconds.quotientAndRemainder(dividingBy: 1000)
        let high = milliseconds << 16 | 0x7000 | (fraction * 4096 / 1000)
        let low = RandomBits.next() >> 2 | 0x8000_0000_0000_0000
        return JobID(unchecked: UUIDText.make(high, low))
    }
}

extension JobID: Codable {
    public init(from decoder: any Decoder) throws {
        self = try JobID(decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
