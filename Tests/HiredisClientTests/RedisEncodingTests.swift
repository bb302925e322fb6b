import CHiredis
import NIOCore
import Testing

@testable import HiredisClient

/// Commands are written here as hiredis, which Redis's own client uses, writes them.
@Suite struct RedisEncodingTests {
    /// The words, formatted by hiredis.
    private static func formatted(_ words: [[UInt8]]) throws -> [UInt8] {
        let memory = words.map { word in
            let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: word.count + 1)
            _ = copy.update(fromContentsOf: word.map { CChar(bitPattern: $0) })
            return copy
        }
        defer { for copy in memory { copy.deallocate() } }
        var pointers = memory.map { UnsafePointer($0.baseAddress) }
        let lengths = words.map(\.count)
        var command: UnsafeMutablePointer<CChar>?
        let length = Int(redisFormatCommandArgv(&command, numericCast(words.count), &pointers, lengths))
        defer { redisFreeCommand(command) }
        return Array(UnsafeRawBufferPointer(start: try #require(command), count: length))
    }

    private static let words: [[[UInt8]]] = [
        [Array("PING".utf8)],
        [[]],
        [Array("SET".utf8), [], Array("a b\r\n$3\r\n".utf8), [0, 0xff, 0x0d, 0x0a]],
        [Array(0...255)],
        [Array("é\u{1F600}".utf8)],
        // Lengths around each further digit.
        [9, 10, 11, 99, 100, 101, 999, 1000, 99_999, 100_000, 1_048_577].map { Array(repeating: 0x78, count: $0) },
        (0..<101).map { Array("\($0)".utf8) },
    ]

    @Test(arguments: words)
    func `commands are the bytes that hiredis writes`(words: [[UInt8]]) throws {
        let expected = try Self.formatted(words)
        var batch = RedisBatch()
        batch.command(words.map { .bytes(ByteBuffer(bytes: $0)) })
        #expect(Array(batch.bytes.readableBytesView) == expected)

        let texts = words.compactMap { String(validating: $0, as: UTF8.self) }
        guard texts.count == words.count else { return }
        batch.command(texts.map { .text($0) })
        #expect(Array(batch.bytes.readableBytesView) == expected + expected)
    }

    @Test func `numbers are the bytes that hiredis writes`() throws {
        var numbers: [Int64] = [0, 1, -1, 9, 10, -10, .max, .min, .max - 1, .min + 1]
        var power: Int64 = 10
        for _ in 0..<17 {
            power *= 10
            numbers += [power - 1, power, power + 1, 1 - power, -power]
        }
        for number in numbers {
            var batch = RedisBatch(reserving: 1)
            batch.begin(command: EncodedWords(["INCRBY"]), key: "k", arguments: 1)
            batch.append(number)
            batch.end()
            let words = ["INCRBY", "k", String(number)].map { Array($0.utf8) }
            #expect(Array(batch.bytes.readableBytesView) == (try Self.formatted(words)), "\(number)")
        }
    }

    private static let openings = [
        EncodedWords(["EVALSHA", "0123456789", "1"]), EncodedWords(["EVALSHA", "abcdefghij", "1"]),
    ]

    @Test func `a call written word by word is the same command`() {
        let long = String(repeating: "k", count: 100_000)
        var batch = RedisBatch(calling: Self.openings, reserving: 3)
        batch.begin(script: 1, key: "dq:a:é", arguments: 5)
        batch.append("-")
        batch.append(EncodedWords([.integer(30_000_000), .bytes(ByteBuffer(bytes: [0xff, 0x00]))]))
        batch.append("")
        batch.append(-7)
        batch.end()
        batch.begin(command: EncodedWords(["PEXPIRE"]), key: "", arguments: 1)
        batch.append(300_000)
        batch.end()
        batch.begin(script: 0, key: long, arguments: 0)
        batch.end()

        var same = RedisBatch()
        same.command(
            "EVALSHA", "abcdefghij", "1", "dq:a:é", "-", 30_000_000, .bytes(ByteBuffer(bytes: [0xff, 0x00])), "", -7)
        same.command("PEXPIRE", "", "300000")
        same.command("EVALSHA", "0123456789", "1", .text(long))
        #expect(batch.bytes == same.bytes)
        #expect(batch.count == 3 && same.count == 3)
        #expect((0..<3).map { batch.calls[$0].script } == [1, nil, 0])
        #expect(batch.key(at: 0) == ByteBuffer(string: "$7\r\ndq:a:é\r\n"))
        #expect(batch.key(at: 1) == ByteBuffer(string: "$0\r\n\r\n"))
        #expect(batch.key(at: 2)?.readableBytes == 100_011)
        #expect((0..<3).allSatisfy { same.key(at: $0) == nil })
    }

    @Test func `calls are made again one by one, with another opening`() {
        var batch = RedisBatch(calling: Self.openings, reserving: 1, limit: 2_000)
        batch.call(0, "a", ["x"])
        batch.call(0, "b", [.text(String(repeating: "x", count: 2_000))])
        batch.begin(command: EncodedWords(["GET"]), key: "c", arguments: 0, tag: 3)
        batch.end()
        batch.begin(script: 1, key: "d", arguments: 0, tag: 7)
        batch.end()
        #expect(batch.refusals.keys.sorted() == [1])
        let sources = ["return 1", "return KEYS[1]"].map { EncodedWords(["EVAL", .text($0), "1"]) }

        let last = batch.calls(at: [3], opening: sources)
        #expect(String(buffer: last.bytes) == "*4\r\n$4\r\nEVAL\r\n$14\r\nreturn KEYS[1]\r\n$1\r\n1\r\n$1\r\nd\r\n")
        #expect(last.count == 1 && last.calls[0].tag == 7 && last.calls[0].script == 1)
        let both = batch.calls(at: [0, 3], opening: sources)
        let first = "*5\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n$1\r\n1\r\n$1\r\na\r\n$1\r\nx\r\n"
        #expect(String(buffer: both.bytes) == first + String(buffer: last.bytes))
        #expect((0..<2).map { both.key(at: $0) } == [0, 3].map { batch.key(at: $0) })

        let long = EncodedWords(["EVAL", .text(String(repeating: " ", count: 2_000)), "1"])
        let narrow = batch.calls(at: [0, 3], opening: [long, sources[1]])
        #expect(narrow.refusals.keys.sorted() == [0] && narrow.bytes == last.bytes)
    }

    // MARK: More than one buffer holds

    @Test func `a command that is too long is refused alone`() {
        let long = ByteBuffer(repeating: 0, count: 64 << 20)
        var batch = RedisBatch()
        batch.command("GET", "a")
        batch.command(["MGET"] + Array(repeating: .bytes(long), count: 9))
        batch.command("GET", "b")
        #expect(batch.refusals.mapValues(\.code) == [1: .invalidCommand])
        #expect(batch.sentIndexes == [0, 2] && batch.bytes.readableBytes == 40)
    }

    // The longer GET has 25 bytes, the shorter ones 20.
    @Test(arguments: [false, true])
    func `a call beyond what is sent together is refused alone, and its bytes are taken back`(isInParts: Bool) {
        let get = EncodedWords(["GET"])
        var batch = RedisBatch(reserving: 1000, limit: 40)
        #expect(batch.bytes.capacity < 1000)
        for key in ["a", "longer", "b", "c"] {
            if isInParts {
                batch.begin(command: get, key: key, arguments: 0)
                batch.end()
            } else {
                batch.command("GET", .text(key))
            }
        }
        #expect(batch.refusals.keys.sorted() == [1, 3])
        for refusal in batch.refusals.values {
            #expect(refusal.code == .invalidCommand && !refusal.mayHaveBeenSent && !refusal.isRetriable)
        }
        #expect(batch.key(at: 1) == nil && (batch.key(at: 2) != nil) == isInParts)
        #expect(String(buffer: batch.bytes) == "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\n")
    }

    @Test func `a call that is as long as it may be fits in the buffer, behind all that may be before it`() {
        // Each word with 16 bytes around it, and as many words and bytes as a command may have.
        #expect(RedisBatch.maximumTogether + 2 * RedisBatch.maximumLength + 16 <= Int(UInt32.max))
    }
}
