import Testing

@testable import DelayQueue

@Suite("Reading decimal numbers")
struct DecimalTests {
    static func read<Number: FixedWidthInteger>(_ text: String, as type: Number.Type) -> Number? {
        Array(text.utf8).withUnsafeBytes { Number(decimal: $0) }
    }

    @Test func `numbers of every length are read as the general reader does`() {
        var texts = ["", "0", "00", "007", "+1", "-1", " 1", "1 ", "1a", "a", "9/", "9:", "١"]
        for length in 1...21 {
            texts.append(String(repeating: "9", count: length))
            texts.append("1" + String(repeating: "0", count: length - 1))
            texts.append(String(repeating: "0", count: length))
            texts.append(String(repeating: "0", count: length) + "42")
        }
        for limit in [UInt64(Int64.max), UInt64.max, UInt64(UInt32.max)] { texts += ["\(limit)", "\(limit - 1)"] }
        texts += ["9223372036854775808", "18446744073709551616", "4294967296"]
        for text in texts {
            #expect(Self.read(text, as: UInt64.self) == UInt64(decimal: text.utf8), "\(text)")
            #expect(Self.read(text, as: Int64.self) == Int64(decimal: text.utf8), "\(text)")
            #expect(Self.read(text, as: UInt32.self) == UInt32(decimal: text.utf8), "\(text)")
            #expect(Self.read(text, as: Int.self) == Int(decimal: text.utf8), "\(text)")
        }
        #expect(Self.read("18446744073709551615", as: UInt64.self) == .max)
        #expect(Self.read("999999999999999999", as: Int64.self) == 999_999_999_999_999_999)
        #expect(Self.read("4294967296", as: UInt32.self) == nil)
    }
}
