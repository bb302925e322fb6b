/// A decimal number read digit by digit, as Redis writes them: no plus sign, no leading zero, no negative zero.
struct RESPNumber: Hashable, Sendable {
    private(set) var value: Int64 = 0
    private var isNegative = false
    private var hasDigits = false

    /// Whether there is a number at all.
    var isComplete: Bool { hasDigits }

    /// - Returns: false where the byte cannot follow, or the number leaves the range of 64 bits.
    mutating func append(_ byte: UInt8) -> Bool {
        if byte == UInt8(ascii: "-") {
            guard !isNegative, !hasDigits else { return false }
            isNegative = true
            return true
        }
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return false }
        let digit = Int64(byte - UInt8(ascii: "0"))
        // A zero is followed by nothing and has no sign.
        guard !hasDigits || value != 0, hasDigits || !isNegative || digit != 0 else { return false }
        let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, carry) =
            isNegative ? tenfold.subtractingReportingOverflow(digit) : tenfold.addingReportingOverflow(digit)
        guard !overflow, !carry else { return false }
        value = sum
        hasDigits = true
        return true
    }
}
