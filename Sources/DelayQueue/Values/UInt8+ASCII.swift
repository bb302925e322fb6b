extension UInt8 {
    /// Printable and not a space: `!` to `~`.
    var isVisibleASCII: Bool { self > 0x20 && self < 0x7f }

    var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }

    /// The lower-case digit of a value below 16.
    static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
    }
}

extension FixedWidthInteger {
    /// Reads an unsigned decimal number strictly: digits only, no sign, no overflow.
    init?(decimal bytes: some Sequence<UInt8>) {
        var value: Self = 0
        var isEmpty = true
        for byte in bytes {
            guard byte.isDigit else { return nil }
            isEmpty = false
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Self(byte - UInt8(ascii: "0")))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        guard !isEmpty else { return nil }
        self = value
    }
}
