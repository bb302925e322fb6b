import Crypto

/// A Lua script, known to the server by the digest of its text.
public struct RedisScript: Sendable {
    /// Shared, as every call of a script has a copy.
    private final class Content: Sendable {
        let source: String
        let sha1: String
        let callOfOneKey: RedisWords

        init(_ source: String) {
            self.source = source
            let digits = Array("0123456789abcdef".utf8)
            var text: [UInt8] = []
            text.reserveCapacity(40)
            for byte in Insecure.SHA1.hash(data: Array(source.utf8)) {
                text.append(digits[Int(byte >> 4)])
                text.append(digits[Int(byte & 15)])
            }
            sha1 = String(decoding: text, as: UTF8.self)
            callOfOneKey = RedisWords(["EVALSHA", .text(sha1), "1"])
        }
    }

    private let content: Content

    public var source: String { content.source }

    /// The SHA-1 of the source as 40 lower-case hexadecimal digits: what `EVALSHA` calls it by.
    public var sha1: String { content.sha1 }

    /// All words of a call with one key before that key.
    var callOfOneKey: RedisWords { content.callOfOneKey }

    public init(_ source: String) {
        content = Content(source)
    }

    /// `SCRIPT LOAD`, which answers with the digest.
    var loadCommand: RedisCommand { RedisCommand(["SCRIPT", "LOAD", .text(source)]) }
}

extension RedisScript: Hashable {
    // The digest stands for the text, as it does for the server.
    public static func == (a: RedisScript, b: RedisScript) -> Bool { a.sha1 == b.sha1 }

    public func hash(into hasher: inout Hasher) { hasher.combine(sha1) }
}
