/// Reads the words of a line, which one space each separates.
///
/// The compiler puts no calls of this into other files' code by itself: untold, it makes a job of a batch take 2 % more
/// instructions (`./dev bench --check`).
struct LineReader {
    private var rest: UnsafeRawBufferPointer

    init(_ line: UnsafeRawBufferPointer) {
        self.rest = line
    }

    /// - Returns: false where the line does not end in CR LF.
    @inline(__always)
    mutating func dropLineEnd() -> Bool {
        guard rest.count >= 2, rest[rest.count - 2] == UInt8(ascii: "\r") else { return false }
        rest = UnsafeRawBufferPointer(rebasing: rest[..<(rest.count - 2)])
        return true
    }

    /// Whether all was read; a space at the end leaves one empty word.
    private(set) var isAtEnd = false

    @inline(__always)
    mutating func word() -> UnsafeRawBufferPointer {
        let end = rest.index(of: UInt8(ascii: " "), from: 0, to: rest.count) ?? rest.count
        let word = UnsafeRawBufferPointer(rebasing: rest[..<end])
        isAtEnd = end == rest.count
        rest = UnsafeRawBufferPointer(rebasing: rest[(isAtEnd ? end : end + 1)...])
        return word
    }

    /// Reads a number without a string, with which a stream job takes 2.9 % more instructions (`./dev bench --check`).
    ///
    /// - Returns: nil where the next word is not all digits, or is over 64 bits.
    @inline(__always)
    mutating func number() -> UInt64? {
        let digits = word()
        // The largest 64-bit number has 20 digits.
        guard (1...20).contains(digits.count) else { return nil }
        var value: UInt64 = 0
        for byte in digits {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            let (product, productOverflows) = value.multipliedReportingOverflow(by: 10)
            let (sum, sumOverflows) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
            if productOverflows || sumOverflows { return nil }
            value = sum
        }
        return value
    }
}
