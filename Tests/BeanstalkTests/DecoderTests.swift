import NIOCore
import NIOPosix
import Testing

@testable import Beanstalk

@Suite struct DecoderTests {
    private static let id = BeanstalkJobID(7)

    static let replies: [(String, BeanstalkReply)] = [
        ("INSERTED 7\r\n", .inserted(id)),
        ("INSERTED 18446744073709551615\r\n", .inserted(BeanstalkJobID(.max))),
        ("BURIED 7\r\n", .buried(id)),
        ("BURIED\r\n", .buried(nil)),
        ("USING default\r\n", .using(.default)),
        ("RESERVED 7 5\r\nhello\r\n", .reserved(id, ByteBuffer(string: "hello"))),
        ("RESERVED 7 0\r\n\r\n", .reserved(id, ByteBuffer())),
        ("RESERVED 7 6\r\n\r\nOK\r\n\r\n", .reserved(id, ByteBuffer(string: "\r\nOK\r\n"))),
        ("DEADLINE_SOON\r\n", .deadlineSoon),
        ("TIMED_OUT\r\n", .timedOut),
        ("DELETED\r\n", .deleted),
        ("RELEASED\r\n", .released),
        ("TOUCHED\r\n", .touched),
        ("WATCHING 3\r\n", .watching(3)),
        ("KICKED 12\r\n", .kicked(12)),
        ("KICKED\r\n", .kicked(nil)),
        ("FOUND 7 3\r\nabc\r\n", .found(id, ByteBuffer(string: "abc"))),
        ("OK 4\r\n---\n\r\n", .ok(ByteBuffer(string: "---\n"))),
        ("PAUSED\r\n", .paused),
        ("NOT_FOUND\r\n", .notFound),
        ("NOT_IGNORED\r\n", .notIgnored),
        ("EXPECTED_CRLF\r\n", .expectedCRLF),
        ("JOB_TOO_BIG\r\n", .jobTooBig),
        ("DRAINING\r\n", .draining),
        ("OUT_OF_MEMORY\r\n", .outOfMemory),
        ("INTERNAL_ERROR\r\n", .internalError),
        ("BAD_FORMAT\r\n", .badFormat),
        ("UNKNOWN_COMMAND\r\n", .unknownCommand),
    ]

    @Test func `every reply is read`() throws {
        for (text, expected) in Self.replies {
            var decoder = BeanstalkReplyDecoder()
            decoder.feed(ByteBuffer(string: text))
            #expect(try decoder.next() == expected)
            #expect(try decoder.next() == nil)
            #expect(text.hasPrefix(expected.word))
        }
    }

    @Test func `refusals have codes of their own, answers have none`() {
        let refusals = Self.replies.compactMap(\.1.refusal)
        #expect(refusals.count == 11)
        #expect(Set(refusals).count == 11)
    }

    @Test func `a transcript is read the same however it is split`() throws {
        let transcript = Self.replies.map(\.0).joined()
        let expected = Self.replies.map(\.1)
        for position in 0...transcript.utf8.count {
            var decoder = BeanstalkReplyDecoder()
            let bytes = ByteBuffer(string: transcript)
            var replies: [BeanstalkReply] = []
            for range in [0..<position, position..<bytes.readableBytes] {
                decoder.feed(try #require(bytes.getSlice(at: range.lowerBound, length: range.count)))
                while let reply = try decoder.next() { replies.append(reply) }
            }
            #expect(replies == expected, "split at \(position)")
        }
        var decoder = BeanstalkReplyDecoder()
        var replies: [BeanstalkReply] = []
        for byte in transcript.utf8 {
            decoder.feed(ByteBuffer(bytes: [byte]))
            while let reply = try decoder.next() { replies.append(reply) }
        }
        #expect(replies == expected)
    }

    @Test func `bytes fed without asking in between are kept in order`() throws {
        var decoder = BeanstalkReplyDecoder()
        for (text, _) in Self.replies { decoder.feed(ByteBuffer(string: text)) }
        for (_, expected) in Self.replies { #expect(try decoder.next() == expected) }
        #expect(try decoder.next() == nil)
    }

    /// Not arguments of the test: its log would show them raw.
    private static let garbage = [
        "\r\n", "\n", "DELETED\n", "DELETED \r\n", " DELETED\r\n", "deleted\r\n", "DELETED 1\r\n", "DELETE\r\n",
        "INSERTED\r\n", "INSERTED \r\n", "INSERTED -1\r\n", "INSERTED +1\r\n", "INSERTED 1 \r\n", "INSERTED  1\r\n",
        "INSERTED 1 2\r\n", "INSERTED x\r\n", "INSERTED 18446744073709551616\r\n",
        "INSERTED 000000000000000000001\r\n", "USING\r\n", "USING a b\r\n", "USING -a\r\n", "USING \r\n",
        "WATCHING 4294967296\r\n", "WATCHING -1\r\n", "KICKED many\r\n", "BURIED 0x1\r\n",
        "RESERVED 1\r\n", "RESERVED 1 -1\r\n", "RESERVED 1 18446744073709551615\r\n",
        "RESERVED 1 9223372036854775807\r\n",
        "RESERVED 1 99999999999999999999999\r\n", "RESERVED 1 2 3\r\n", "RESERVED  2\r\n", "RESERVED 1 1e3\r\n",
        "FOUND 1\r\n", "OK\r\n", "OK \r\n", "OK 1 2\r\n", "OK 16777217\r\n", "OK 3\r\nabcde", "OK 0\r\n\n\r",
        "RESERVED 1 2\r\nab\rx", "HTTP/1.1 400 Bad Request\r\n", "\u{0}\u{0}\r\n", "+PONG\r\n", "ÜBER\r\n",
    ]

    @Test func `garbage is an error, once and for all`() {
        for text in Self.garbage {
            var decoder = BeanstalkReplyDecoder()
            decoder.feed(ByteBuffer(string: text))
            for _ in 0..<2 {
                #expect("for \(text.debugDescription)") {
                    try decoder.next()
                } throws: { error in
                    guard let error = error as? BeanstalkError else { return false }
                    return error.code == .malformedReply && error.mayHaveBeenSent
                        && "\(error)".unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
                }
                // Nothing that follows can make it good.
                decoder.feed(ByteBuffer(string: "\r\nDELETED\r\n"))
                #expect(decoder.bufferedCapacity == 0)
            }
        }
    }

    @Test(arguments: [1, 100, 4096])
    func `a line without end is an error within the limit`(chunk: Int) throws {
        var decoder = BeanstalkReplyDecoder(maximumLineLength: 512)
        let bytes = ByteBuffer(repeating: UInt8(ascii: "A"), count: chunk)
        var fed = 0
        var failure: BeanstalkError?
        while failure == nil, fed < 1 << 20 {
            decoder.feed(bytes)
            fed += chunk
            do throws(BeanstalkError) {
                let reply = try decoder.next()
                #expect(reply == nil)
            } catch {
                failure = error
            }
            #expect(decoder.bufferedCapacity <= 8192)
        }
        #expect(failure?.code == .malformedReply)
        #expect(fed < 512 + chunk)
    }

    @Test func `a line as long as the limit is read`() throws {
        var decoder = BeanstalkReplyDecoder(maximumLineLength: 9)
        decoder.feed(ByteBuffer(string: "DELETED\r\nRELEASED\r\n"))
        #expect(try decoder.next() == .deleted)
        #expect(throws: BeanstalkError.self) { try decoder.next() }
    }

    @Test func `a body over the limit is skipped as it comes, and what follows is read`() throws {
        let text =
            "RESERVED 1 10\r\n0123456789\r\nRESERVED 2 11\r\n0123456789\n\r\nFOUND 3 12\r\n0123456789\r\n\r\n"
            + "DELETED\r\n"
        let expected: [BeanstalkReply] = [
            .reserved(BeanstalkJobID(1), ByteBuffer(string: "0123456789")),
            .reservedUnread(BeanstalkJobID(2), size: 11), .foundUnread(BeanstalkJobID(3), size: 12), .deleted,
        ]
        for step in [1, 2, 7, text.utf8.count] {
            var decoder = BeanstalkReplyDecoder(maximumBodySize: 10)
            var replies: [BeanstalkReply] = []
            var rest = ByteBuffer(string: text)
            while let piece = rest.readSlice(length: min(step, rest.readableBytes)), piece.readableBytes > 0 {
                decoder.feed(piece)
                while let reply = try decoder.next() { replies.append(reply) }
            }
            #expect(replies == expected, "in steps of \(step)")
        }
        var unterminated = BeanstalkReplyDecoder(maximumBodySize: 1)
        unterminated.feed(ByteBuffer(string: "RESERVED 1 2\r\nabcd"))
        #expect(throws: BeanstalkError.self) { try unterminated.next() }
    }

    @Test func `a body that is skipped takes no memory`() throws {
        var decoder = BeanstalkReplyDecoder(maximumBodySize: 1024)
        decoder.feed(ByteBuffer(string: "RESERVED 1 20971520\r\n"))
        for _ in 0..<1280 {
            decoder.feed(ByteBuffer(repeating: 0, count: 16_384))
            #expect(try decoder.next() == nil)
            #expect(decoder.bufferedCapacity == 0)
        }
        decoder.feed(ByteBuffer(string: "\r\n"))
        #expect(try decoder.next() == .reservedUnread(BeanstalkJobID(1), size: 20 << 20))
    }

    @Test func `records that come beyond what was allowed are skipped`() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let replies = try await loop.submit {
            let allowance = NIOLoopBoundBox(15, eventLoop: loop)
            var decoder = BeanstalkReplyDecoder(maximumBodySize: 10, allowance: allowance)
            let job = { (id: Int) in "RESERVED \(id) 6\r\n123456\r\n" }
            decoder.feed(ByteBuffer(string: job(1) + job(2) + job(3) + "FOUND 4 3\r\nabc\r\n" + job(5)))
            var replies: [BeanstalkReply] = []
            while let reply = try decoder.next() {
                replies.append(reply)
                // Whoever asks for more says how much more it may be.
                if replies.count == 4 { allowance.value = 6 }
            }
            return replies.map { if case .reserved = $0 { "read" } else { "\($0.word) \($0.refusal as Any)" } }
        }.get()
        #expect(replies.filter { $0 == "read" }.count == 3, "\(replies)")
        #expect(replies[2].contains("bodyTooLong") && replies[3] == "FOUND nil", "\(replies)")
    }

    @Test func `a server tells no more of itself than the limit`() {
        var unlimited = BeanstalkReplyDecoder(maximumBodySize: .max, maximumLineLength: .max)
        unlimited.feed(ByteBuffer(string: "OK 1073741825\r\n"))
        #expect(throws: BeanstalkError.self) { try unlimited.next() }
    }

    @Test func `an announced body takes no memory before it arrives`() throws {
        var decoder = BeanstalkReplyDecoder()
        decoder.feed(ByteBuffer(string: "RESERVED 1 16777216\r\n"))
        #expect(try decoder.next() == nil)
        #expect(decoder.bufferedCapacity <= 1024)
        for sent in 1...64 {
            decoder.feed(ByteBuffer(repeating: 0, count: 1024))
            #expect(try decoder.next() == nil)
            #expect(decoder.bufferedCapacity <= max(4 * sent * 1024, 4096))
        }
    }

    @Test func `small bodies do not keep the read they came in`() throws {
        var read = ByteBuffer()
        for id in 1...2000 {
            read.writeString("RESERVED \(id) 100\r\n")
            read.writeRepeatingByte(UInt8(ascii: "x"), count: 100)
            read.writeString("\r\n")
        }
        var decoder = BeanstalkReplyDecoder()
        decoder.feed(read)
        var count = 0
        while let reply = try decoder.next() {
            guard case .reserved(_, let body) = reply else { throw BeanstalkError(reply) }
            #expect(body.readableBytes == 100)
            #expect(body.storageCapacity <= 512)
            count += 1
        }
        #expect(count == 2000)
        #expect(decoder.bufferedCapacity == 0)
    }

    @Test func `large bodies are not copied`() throws {
        var read = ByteBuffer(string: "FOUND 1 50000\r\n")
        read.writeRepeatingByte(1, count: 50000)
        read.writeString("\r\nDELET")
        let address = read.withUnsafeReadableBytes { $0.baseAddress.map { $0 + "FOUND 1 50000\r\n".utf8.count } }
        var decoder = BeanstalkReplyDecoder()
        decoder.feed(read)
        guard case .found(_, let body) = try decoder.next() else { throw BeanstalkError(.notFound) }
        #expect(body.withUnsafeReadableBytes { $0.baseAddress } == address)
        #expect(body == ByteBuffer(repeating: 1, count: 50000))
        #expect(try decoder.next() == nil)
        // The beginning of the next reply does not hold the read either.
        #expect(decoder.bufferedCapacity <= 64)
        decoder.feed(ByteBuffer(string: "ED\r\n"))
        #expect(try decoder.next() == .deleted)
    }
}
