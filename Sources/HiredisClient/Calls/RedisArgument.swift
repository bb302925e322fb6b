package import NIOCore

/// One word of a command: bytes of any content.
package enum RedisArgument: Sendable, Hashable {
    case text(String)
    case bytes(ByteBuffer)

    /// A number in decimal.
    @inlinable
    package static func integer(_ number: some BinaryInteger) -> RedisArgument {
        .text(String(number))
    }

    func write(into buffer: inout ByteBuffer) {
        switch self {
        case .text(let text): buffer.writeRESPWord(text)
        case .bytes(let bytes): bytes.withUnsafeReadableBytes { buffer.writeRESPWord($0) }
        }
    }

    /// In bytes, without what is written around them.
    var length: Int {
        switch self {
        case .text(let text): text.utf8.count
        case .bytes(let bytes): bytes.readableBytes
        }
    }
}

extension RedisArgument: ExpressibleByStringInterpolation {
    package init(stringLiteral text: String) {
        self = .text(text)
    }
}

extension RedisArgument: ExpressibleByIntegerLiteral {
    package init(integerLiteral number: Int64) {
        self = .integer(number)
    }
}
