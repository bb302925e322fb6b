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
        var buffer = ByteBuffer(string: "before")
        try RedisCommand(words.map { .bytes(ByteBuffer(bytes: $0)) }).encode(into: &buffer)
        #expect(Array(buffer.readableBytesView.dropFirst(6)) == expected)

        let texts = words.compactMap { String(validating: $0, as: UTF8.self) }
        guard texts.count == words.count else { return }
        buffer.clear()
        try RedisCommand(texts.map { .text($0) }).encode(into: &buffer)
        #expect(Array(buffer.readableBytesView) == expected)
    }

    @Test func `numbers are the bytes that hiredis writes`() throws {
        var numbers: [Int64] = [0, 1, -1, 9, 10, -10, .max, .min, .max - 1, .min + 1]
        var power: Int64 = 10
        for _ in 0..<17 {
            power *= 10
            numbers += [power - 1, power, power + 1, 1 - power, -power]
        }
        for number in numbers {
            var batch = RedisCallBatch(reserving: 1)
            batch.begin(command: RedisWords(["INCRBY"]), key: "k", arguments: 1)
            batch.append(number)
            batch.end()
            let words = ["INCRBY", "k", String(number)].map { Array($0.utf8) }
            #expect(Array(batch.bytes.readableBytesView) == (try Self.formatted(words)), "\(number)")
        }
    }

    @Test func `a call written word by word is the same call`() throws {
        let script = RedisScript("return KEYS[1]")
        var batch = RedisCallBatch(reserving: 3)
        batch.begin(script, key: "dq:a:é", arguments: 5)
        batch.append("-")
        batch.append(RedisWords([.integer(30_000_000), .bytes(ByteBuffer(bytes: [0xff, 0x00]))]))
        batch.append("")
        batch.append(-7)
        batch.end()
        batch.begin(command: RedisWords(["PEXPIRE"]), key: "", arguments: 1)
        batch.append(300_000)
        batch.end()
        batch.begin(script, key: String(repeating: "k", count: 100_000), arguments: 0)
        batch.end()

        let calls = [
            RedisCall(
                script: script, keys: ["dq:a:é"],
                arguments: ["-", 30_000_000, .bytes(ByteBuffer(bytes: [0xff, 0x00])), "", .integer(-7)]),
            RedisCall(command: "PEXPIRE", keys: [""], arguments: ["300000"]),
            RedisCall(script: script, keys: [String(repeating: "k", count: 100_000)]),
        ]
        var same = RedisCallBatch(reserving: 3)
        for call in calls { same.append(call) }
        #expect(batch.bytes == same.bytes)
        #expect(batch.count == 3 && same.count == 3)
        for index in calls.indices {
            #expect(batch.keys(at: index).elementsEqual(same.keys(at: index)))
            #expect(batch.script(at: index) == calls[index].script)
        }
        #expect(
            String(buffer: batch.bytes).hasPrefix(
                "*9\r\n$7\r\nEVALSHA\r\n$40\r\n\(script.sha1)\r\n$1\r\n1\r\n$7\r\ndq:a:é\r\n$1\r\n-\r\n$8\r\n30000000\r\n"
            ))
    }

    @Test func `calls are sent again one by one, those too long never`() throws {
        let script = RedisScript("return 1")
        let long = ByteBuffer(repeating: 0, count: 64 << 20)
        var batch = RedisCallBatch(reserving: 1)
        batch.append(RedisCall(script: script, keys: ["a", "b"], arguments: ["x"]))
        batch.append(RedisCall(script: script, keys: ["c"], arguments: Array(repeating: .bytes(long), count: 9)))
        batch.append(RedisCall(command: "GET", keys: ["d"]))
        #expect((0..<3).map { batch.isRefused(at: $0) } == [false, true, false])
        #expect((0..<3).map { batch.keys(at: $0).count } == [2, 1, 1])
        #expect(batch.bytes.readableBytes < 1000)

        var first = ByteBuffer()
        var last = ByteBuffer()
        batch.write(0, into: &first)
        batch.write(2, into: &last)
        #expect(String(buffer: last) == "*2\r\n$3\r\nGET\r\n$1\r\nd\r\n")
        #expect(
            String(buffer: first)
                == "*6\r\n$7\r\nEVALSHA\r\n$40\r\n\(script.sha1)\r\n$1\r\n2\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nx\r\n")
    }

    // MARK: More than one buffer holds

    // The longer GET has 25 bytes, the shorter ones 20.
    @Test(arguments: [false, true])
    func `a call beyond what is sent together is refused alone, and its bytes are taken back`(isInParts: Bool) {
        let get = RedisWords(["GET"])
        var batch = RedisCallBatch(reserving: 1000, limit: 40)
        #expect(batch.bytes.capacity < 1000)
        for key in ["a", "longer", "b", "c"] {
            if isInParts {
                batch.begin(command: get, key: key, arguments: 0)
                batch.end()
            } else {
                batch.append(RedisCall(command: "GET", keys: [key]))
            }
        }
        #expect((0..<4).map { batch.isRefused(at: $0) } == [false, true, false, true])
        #expect((0..<4).map { batch.keys(at: $0).count } == [1, 1, 1, 1])
        #expect(String(buffer: batch.bytes) == "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\n")
        var again = ByteBuffer()
        batch.write(2, into: &again)
        #expect(String(buffer: again) == "*2\r\n$3\r\nGET\r\n$1\r\nb\r\n")
    }

    @Test func `commands are written up to what is sent together, and none in part`() throws {
        var buffer = ByteBuffer()
        try RedisCommand(["GET", "a"]).encode(into: &buffer, upTo: 40)
        try RedisCommand(["GET", "b"]).encode(into: &buffer, upTo: 40)
        for limit in [39, 40, 53] {
            let error = try #require(throws: RedisError.self) {
                try RedisCommand(["PING"]).encode(into: &buffer, upTo: limit)
            }
            #expect(error.code == .invalidCommand && !error.mayHaveBeenSent && !error.isRetriable)
            #expect(buffer.readableBytes == 40)
        }
        try RedisCommand(["PING"]).encode(into: &buffer, upTo: 54)
        #expect(String(buffer: buffer).hasSuffix("b\r\n*1\r\n$4\r\nPING\r\n"))
    }

    @Test func `scripts and calls that are as long as they may be fit in one buffer`() {
        #expect(2 * RedisCommand.maximumTogether <= Int(UInt32.max))
        // Each word with 16 bytes around it, and as many words and bytes as a command may have.
        #expect(RedisCommand.maximumTogether + 2 * RedisCommand.maximumLength + 16 <= Int(UInt32.max))
    }
}
