/// Who asks for a claim: a token made afresh for each claim request.
///
/// It tells a request that is repeated after a lost reply, which is granted again, from somebody else's.
package struct ClaimOwner: Hashable, Sendable, CustomStringConvertible {
    /// The longest token in bytes.
    package static let maximumLength = 64

    package let description: String

    /// - Parameter text: 1 to 64 visible ASCII characters.
    /// - Throws: `invalidOption`.
    package init(_ text: String) throws(DelayQueueError) {
        guard (1...Self.maximumLength).contains(text.utf8.count), text.utf8.allSatisfy(\.isVisibleASCII) else {
            throw DelayQueueError(
                .invalidOption, "a claim's owner is 1 to \(Self.maximumLength) visible ASCII characters without spaces")
        }
        description = text
    }

    init(unchecked text: String) {
        description = text
    }

    /// 75 random bits as 15 characters, which a `String` keeps without allocating.
    package static func random() -> ClaimOwner {
        var generator = SystemRandomNumberGenerator()
        let low = generator.next() as UInt64
        let high = generator.next() as UInt64
        return ClaimOwner(
            unchecked: String(unsafeUninitializedCapacity: 15) { buffer in
                for position in 0..<15 {
                    let bits = position < 8 ? low >> UInt64(position * 5) : high >> UInt64((position - 8) * 5)
                    // 5 bits: the digits, then letters up to v.
                    let value = UInt8(bits & 31)
                    buffer[position] = value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
                }
                return 15
            })
    }

    /// The settling owner of a record that a go-queue consumer locked: nobody here.
    static let nobody = ClaimOwner(unchecked: "")
}
