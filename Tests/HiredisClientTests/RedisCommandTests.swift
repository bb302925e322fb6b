import HiredisClient
import NIOCore
import Testing

@Suite struct RedisCommandTests {
    private func encode(_ words: [RedisArgument]) throws -> String {
        var buffer = ByteBuffer()
        try RedisCommand(words).encode(into: &buffer)
        return String(buffer: buffer)
    }

    @Test func writesWordsWithTheirLengths() throws {
        #expect(try encode(["PING"]) == "*1\r\n$4\r\nPING\r\n")
        #expect(try encode(["SET", "k", 12]) == "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n12\r\n")
        #expect(try encode(["ECHO", .integer(UInt64.max)]) == "*2\r\n$4\r\nECHO\r\n$20\r\n18446744073709551615\r\n")
    }

    @Test func keepsAnyBytes() throws {
        #expect(try encode(["A", "x\r\n$1\r\ny", ""]) == "*3\r\n$1\r\nA\r\n$8\r\nx\r\n$1\r\ny\r\n$0\r\n\r\n")
        #expect(try encode([""]) == "*1\r\n$0\r\n\r\n")
        #expect(try encode(["é"]) == "*1\r\n$2\r\né\r\n")
        let everyByte = ByteBuffer(bytes: UInt8.min...UInt8.max)
        var buffer = ByteBuffer()
        try RedisCommand(["E", .bytes(everyByte)]).encode(into: &buffer)
        #expect(buffer == ByteBuffer(string: "*2\r\n$1\r\nE\r\n$256\r\n") + everyByte + ByteBuffer(string: "\r\n"))
    }

    @Test func refusesACommandWithoutWords() throws {
        var buffer = ByteBuffer(string: "before")
        let error = try #require(throws: RedisError.self) { try RedisCommand([]).encode(into: &buffer) }
        #expect(error.code == .invalidCommand)
        #expect(String(buffer: buffer) == "before")
    }

    @Test func appendsManyWords() throws {
        var buffer = ByteBuffer(string: "before")
        try RedisCommand((0..<10_000).map { .integer($0) }).encode(into: &buffer)
        #expect(String(buffer: buffer).hasPrefix("before*10000\r\n$1\r\n0\r\n$1\r\n1\r\n"))
        #expect(String(buffer: buffer).hasSuffix("$4\r\n9999\r\n"))
    }

    @Test func hidesItsWords() {
        let command = RedisCommand(["AUTH", "hunter2"])
        var text = "\(command) \(String(reflecting: command))"
        dump(command, to: &text)
        #expect(!text.contains("hunter2") && !text.contains("68756e74"))
    }

    @Test func namesAScriptByItsDigest() {
        // From `printf 'return 1' | sha1sum`.
        #expect(RedisScript("return 1").sha1 == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db")
        #expect(RedisScript("return 1") == RedisScript("return 1"))
        #expect(RedisScript("return 1") != RedisScript("return 2"))
    }
}

private func + (a: ByteBuffer, b: ByteBuffer) -> ByteBuffer {
    var sum = a
    sum.writeImmutableBuffer(b)
    return sum
}
