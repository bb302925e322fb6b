import Crypto
import TestSupport
import Testing

@testable import DelayQueue

@Suite struct MD5Tests {
    private func digest(_ bytes: [UInt8]) -> String { bytes.withUnsafeBytes { MD5.hexadecimal(of: $0) } }

    /// Of RFC 1321.
    @Test(arguments: [
        ("", "d41d8cd98f00b204e9800998ecf8427e"), ("a", "0cc175b9c0f1b6a831c399e269772661"),
        ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        (String(repeating: "1234567890", count: 8), "57edf4a22be3c955ac49da2e2107b67a"),
    ])
    func `known texts have their known digests`(_ text: String, _ expected: String) {
        #expect(digest(Array(text.utf8)) == expected)
    }

    @Test func `every length has the digest another implementation gives it`() {
        var generator = SeededGenerator(seed: 12)
        for length in Array(0...300) + [4_096, 65_537] {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let expected = Insecure.MD5.hash(data: bytes).map { byte in
                (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
            #expect(digest(bytes) == expected.joined(), "\(length) bytes")
        }
    }
}
