public import NIOCore

/// One word of a command: bytes of any content.
public enum RedisArgument: Sendable, Hashable {
    case text(String)
    case bytes(ByteBuffer)

    /// A number in decimal.
    @inlinable
    public static func integer(_ number: some BinaryInteger) -> RedisArgument {
        .text(String(number))
    }
}

extension RedisArgument: ExpressibleByStringInterpolation {
    public init(stringLiteral text: String) {
        self = .text(text)
    }
}

extension RedisArgument: ExpressibleByIntegerLiteral {
    public init(integerLiteral number: Int64) {
        self = .integer(number)
    }
}
