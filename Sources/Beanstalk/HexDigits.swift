/// 64-bit numbers as 16 lower-case hexadecimal digits.
package enum HexDigits {
    package static let length = 16

    package static func text(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: length - digits.count) + digits
    }

    /// - Returns: nil for anything but 16 such digits.
    package static func value(_ digits: UnsafeRawBufferPointer) -> UInt64? {
        guard digits.count == length else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return value
    }
}
