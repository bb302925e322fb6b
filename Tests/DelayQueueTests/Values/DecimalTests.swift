import Testing

@testable import DelayQueue

@Suite("Reading decimal numbers")
struct DecimalTests {
    @Test func `numbers are read to the last that fits, and nothing else is`() {
        for text in ["", "+1", "-1", " 1", "1 ", "1a", "a", "9/", "9:", "١"] {
            #expect(UInt64(decimal: text.utf8) == nil, "\(text)")
            #expect(Int64(decimal: text.utf8) == nil, "\(text)")
        }
        for length in 1...21 {
            let texts = [
                String(repeating: "9", count: length), "1" + String(repeating: "0", count: length - 1),
                String(repeating: "0", count: length), String(repeating: "0", count: length) + "42",
            ]
            for text in texts {
                #expect(UInt64(decimal: text.utf8) == UInt64(text), "\(text)")
                #expect(Int64(decimal: text.utf8) == Int64(text), "\(text)")
                #expect(UInt32(decimal: text.utf8) == UInt32(text), "\(text)")
                #expect(Int(decimal: text.utf8) == Int(text), "\(text)")
            }
        }
        #expect(UInt64(decimal: "18446744073709551615".utf8) == .max)
        #expect(UInt64(decimal: "18446744073709551616".utf8) == nil)
        #expect(Int64(decimal: "9223372036854775807".utf8) == .max)
        #expect(Int64(decimal: "9223372036854775808".utf8) == nil)
        #expect(UInt32(decimal: "4294967295".utf8) == .max)
        #expect(UInt32(decimal: "4294967296".utf8) == nil)
    }
}
