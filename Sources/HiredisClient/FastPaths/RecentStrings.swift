import NIOCore

/// Short strings that were read lately, so that equal ones share a value.
///
/// Scripts answer with few different words, so nearly always no memory is asked for. Without it a stream job
/// takes 2 % more instructions (`./dev bench --check`).
struct RecentStrings {
    private static let longest = 24
    /// A power of two.
    private static let count = 16

    /// Each is at a place that its bytes decide.
    private var values = Array(repeating: RedisValue.null, count: count)

    /// - Returns: nil where the string is empty or too long to be kept.
    mutating func value(of bytes: UnsafeRawBufferPointer) -> RedisValue? {
        guard let last = bytes.last, bytes.count <= Self.longest else { return nil }
        // Words that are often read at the same time differ in length or in their end.
        let place = (bytes.count &+ Int(last)) & (Self.count - 1)
        if case .bulk(let buffer) = values[place], buffer.withUnsafeReadableBytes({ $0.elementsEqual(bytes) }) {
            return values[place]
        }
        let value = RedisValue.bulk(ByteBuffer(bytes: bytes))
        values[place] = value
        return value
    }
}
