import HiredisClient
import NIOCore
import Testing

@Suite struct RedisReplyDecoderTests {
    static let replies: [(String, RedisValue)] = [
        ("+OK\r\n", .status("OK")),
        ("+\r\n", .status("")),
        ("+a\0\u{7}é\t\r\n", .status("a\0\u{7}é\t")),
        ("-ERR no\r\n", .error("ERR no")),
        (":0\r\n", .integer(0)),
        (":-9223372036854775808\r\n", .integer(.min)),
        (":9223372036854775807\r\n", .integer(.max)),
        ("$5\r\nhello\r\n", .bulk(ByteBuffer(string: "hello"))),
        ("$0\r\n\r\n", .bulk(ByteBuffer())),
        ("$6\r\n\r\n$1\r\n\r\n", .bulk(ByteBuffer(string: "\r\n$1\r\n"))),
        ("$3\r\n\0\u{7}é\r\n".replacing("$3", with: "$4"), .bulk(ByteBuffer(bytes: [0, 7, 0xc3, 0xa9]))),
        ("$-1\r\n", .null),
        ("*-1\r\n", .null),
        ("*0\r\n", .array([])),
        ("*2\r\n:1\r\n$1\r\na\r\n", .array([.integer(1), .bulk(ByteBuffer(string: "a"))])),
        (
            "*3\r\n*0\r\n*-1\r\n*2\r\n-WRONG x\r\n+y\r\n",
            .array([.array([]), .null, .array([.error("WRONG x"), .status("y")])])
        ),
        (
            "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*2\r\n:1\r\n$-1\r\n",
            .array([.array([.array([.array([.array([.array([.array([.integer(1), .null])])])])])])])
        ),
    ]

    private func drain(_ decoder: inout RedisReplyDecoder) throws -> [RedisValue] {
        var values: [RedisValue] = []
        while let value = try decoder.next() { values.append(value) }
        return values
    }

    @Test(arguments: replies)
    func readsEveryKind(_ text: String, _ expected: RedisValue) throws {
        var decoder = RedisReplyDecoder()
        decoder.feed(ByteBuffer(string: text))
        #expect(try drain(&decoder) == [expected])
        #expect(try decoder.next() == nil)
    }

    @Test func readsAnySplit() throws {
        let bytes = ByteBuffer(string: Self.replies.map(\.0).joined())
        let expected = Self.replies.map(\.1)
        for split in 0...bytes.readableBytes {
            var decoder = RedisReplyDecoder()
            decoder.feed(try #require(bytes.getSlice(at: 0, length: split)))
            var values = try drain(&decoder)
            decoder.feed(try #require(bytes.getSlice(at: split, length: bytes.readableBytes - split)))
            values += try drain(&decoder)
            #expect(values == expected, "split at \(split)")
        }
    }

    @Test func readsSingleBytes() throws {
        var decoder = RedisReplyDecoder()
        var values: [RedisValue] = []
        for byte in Self.replies.map(\.0).joined().utf8 {
            decoder.feed(ByteBuffer(bytes: [byte]))
            values += try drain(&decoder)
        }
        #expect(values == Self.replies.map(\.1))
    }

    @Test func takesManyFeedsBeforeTheFirstReplyIsAskedFor() throws {
        var decoder = RedisReplyDecoder()
        for (text, _) in Self.replies { decoder.feed(ByteBuffer(string: text)) }
        #expect(try drain(&decoder) == Self.replies.map(\.1))
    }

    @Test func readsLongReplies() throws {
        let long = ByteBuffer(repeating: 7, count: 3_000_000)
        var bytes = ByteBuffer(string: "$3000000\r\n")
        bytes.writeImmutableBuffer(long)
        bytes.writeString("\r\n*60000\r\n")
        for number in 0..<60_000 { bytes.writeString(":\(number)\r\n") }
        var decoder = RedisReplyDecoder()
        decoder.feed(bytes)
        #expect(try decoder.next() == .bulk(long))
        #expect(try decoder.next() == .array((0..<60_000).map { .integer($0) }))
        #expect(try decoder.next() == nil)
    }

    @Test func convenienceAccessors() {
        #expect(RedisValue.bulk(ByteBuffer(string: "12")).int == 12)
        #expect(RedisValue.integer(7).int == 7)
        #expect(RedisValue.status("x").int == nil)
        #expect(RedisValue.status("x").string == "x")
        #expect(RedisValue.error("x").string == nil)
        #expect(RedisValue.array([.null]).array == [.null])
        #expect(RedisValue.null.isNull)
    }
}
