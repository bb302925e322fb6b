import Foundation
import TestSupport
import Testing

@testable import CommandSupport

@Suite struct OutputTests {
    @Test func jsonHoldsEveryCharacterOnOneLine() throws {
        var text = ""
        for value in 0...0x2100 {
            if let scalar = Unicode.Scalar(UInt32(value)) { text.unicodeScalars.append(scalar) }
        }
        text += "👩‍👩‍👧 \u{10FFFF}"
        var object = JSONObject()
        object.add("te\"xt", text)
        object.add("absent", ifPresent: Int?.none)
        object.add("null", Int?.none)
        object.add("list", [1, -2])
        object.add("late", JSONMilliseconds(.microseconds(12_045)))
        #expect(!object.line.contains { $0.isNewline })
        #expect(object.line.contains(#"\u200e"#) && !object.line.unicodeScalars.contains("\u{200E}"))
        var bidi = JSONObject()
        bidi.add("a", "\u{202E}x\u{E0001}")
        #expect(bidi.line == #"{"a":"\u202ex\udb40\udc01"}"#)
        let read = try JSONLine(object.line)
        #expect(try read.text("te\"xt").unicodeScalars.elementsEqual(text.unicodeScalars))
        #expect(read.keys == ["te\"xt", "null", "list", "late"])
        #expect(object.line.hasSuffix(#""null":null,"list":[1,-2],"late":12.045}"#))
    }

    @Test func terminalLinesCannotBeBrokenOrSteered() {
        #expect(PrintableText.line("a\r\n\tb\\") == "a\\r\\n\\tb\\\\")
        #expect(PrintableText.line("\u{1B}[2J\u{9B}\u{202E}\u{0}") == "\\u{1b}[2J\\u{9b}\\u{202e}\\u{0}")
        #expect(PrintableText.line("ünï 👩‍👧") == "ünï 👩‍👧")
        #expect(PrintableText.line("abcdef", limit: 3) == "abc…")
        #expect(PrintableText.line("abc", limit: 3) == "abc")
    }

    @Test func durationsHaveTheirDecimals() {
        #expect(Duration.microseconds(5).millisecondsText == "0.005")
        #expect(Duration.microseconds(-1_234_567).millisecondsText == "-1234.567")
        #expect(Duration.milliseconds(12_345).secondsText == "12.35")
        #expect(Duration.zero.secondsText == "0.00")
    }

    @Test func tablesAreAligned() {
        #expect(TextTable([["node", "n"], ["a:1", "100"], ["b"]]).lines == ["node    n", "a:1   100", "b   "])
    }

    @Test func barsStayWithinTheirWidth() {
        #expect(ProgressBar.text(0, of: 0).hasSuffix("100 %"))
        #expect(ProgressBar.text(5, of: 10).hasSuffix(" 50 %"))
        #expect(ProgressBar.text(20, of: 10).hasSuffix("100 %"))
    }
}
