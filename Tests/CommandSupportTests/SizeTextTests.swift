import Testing

@testable import CommandSupport

@Suite struct SizeTextTests {
    @Test(arguments: [
        ("0", 0), ("65535", 65_535), ("64K", 65_536), ("1M", 1 << 20), ("2G", 2 << 30),
        ("999999999999", 999_999_999_999),
    ])
    func bytesAreRead(_ text: String, bytes: Int) throws {
        #expect(try SizeText.parse(text) == bytes)
    }

    @Test(arguments: ["", "K", "-1", "1.5M", "1k", "1 M", "1MB", "0x10", "1000000000000", "٣"])
    func anythingElseIsRefused(_ text: String) {
        #expect(throws: InvalidText.self) { try SizeText.parse(text) }
    }
}
