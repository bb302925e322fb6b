package import NIOCore

/// A reply of a Redis server.
package enum RedisValue: Sendable, Hashable {
    /// An absent value: the null bulk or the null array.
    case null
    case integer(Int64)
    /// Bytes of any content.
    case bulk(ByteBuffer)
    /// A short line, such as `OK`.
    case status(String)
    /// A refusal; ``RedisClient`` hands one out as a value only inside an array.
    case error(String)
    case array([RedisValue])

    /// The text of a bulk or a status; invalid UTF-8 is replaced. Nil for all else.
    package var string: String? {
        switch self {
        case .bulk(let bytes): String(buffer: bytes)
        case .status(let text): text
        case .null, .integer, .error, .array: nil
        }
    }

    /// An integer, also one that is sent as decimal text. Nil for all else.
    package var int: Int64? {
        if case .integer(let number) = self { return number }
        return string.flatMap { Int64($0) }
    }

    /// The elements of an array, nil for all else.
    package var array: [RedisValue]? {
        if case .array(let elements) = self { return elements }
        return nil
    }

    /// Whether this is the absent value.
    package var isNull: Bool { self == .null }
}
