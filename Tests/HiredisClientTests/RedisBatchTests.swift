import NIOCore
import Testing

@testable import HiredisClient

@Suite struct RedisBatchTests {
    private func written(_ words: [RedisArgument]) -> String {
        var batch = RedisBatch()
        batch.command(words)
        return String(buffer: batch.bytes)
    }

    @Test func writesWordsWithTheirLengths() {
        #expect(written(["PING"]) == "*1\r\n$4\r\nPING\r\n")
        #expect(written(["SET", "k", 12]) == "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n12\r\n")
        #expect(written(["ECHO", .integer(UInt64.max)]) == "*2\r\n$4\r\nECHO\r\n$20\r\n18446744073709551615\r\n")
    }

    @Test func keepsAnyBytes() {
        #expect(written(["A", "x\r\n$1\r\ny", ""]) == "*3\r\n$1\r\nA\r\n$8\r\nx\r\n$1\r\ny\r\n$0\r\n\r\n")
        #expect(written([""]) == "*1\r\n$0\r\n\r\n")
        #expect(written(["é"]) == "*1\r\n$2\r\né\r\n")
    }

    @Test func refusesACommandWithoutWords() {
        var batch = RedisBatch()
        batch.command("A")
        batch.command([])
        batch.command("B")
        #expect(batch.refusals.mapValues(\.code) == [1: .invalidCommand])
        #expect(batch.count == 3 && batch.sentCount == 2 && batch.sentIndexes == [0, 2])
        #expect(String(buffer: batch.bytes) == "*1\r\n$1\r\nA\r\n*1\r\n$1\r\nB\r\n")
    }

    @Test func writesManyWords() {
        let text = written((0..<10_000).map { .integer($0) })
        #expect(text.hasPrefix("*10000\r\n$1\r\n0\r\n$1\r\n1\r\n"))
        #expect(text.hasSuffix("$4\r\n9999\r\n"))
    }

    @Test func hidesItsWords() {
        var batch = RedisBatch()
        batch.command("AUTH", "hunter2")
        var text = "\(batch) \(String(reflecting: batch))"
        dump(batch, to: &text)
        #expect(!text.contains("hunter2") && !text.contains("68756e74"))
    }

    @Test func knowsEachReplysCall() throws {
        var batch = RedisBatch()
        batch.command("A")
        batch.command([])
        batch.command("B")
        batch.command("C")
        let full = RedisReplies([.integer(1), .error("ERR no"), .integer(3)], nil, to: batch)
        #expect(try full[0].get() == .integer(1))
        #expect(try failure(of: full[1]).code == .invalidCommand)
        #expect(try failure(of: full[2]).serverPrefix == "ERR")
        #expect(try full[3].get() == .integer(3))
        #expect(full.refused(with: "ERR") == [2] && full.values[2] == .null)

        let lost = RedisError(.malformedReply, "lost")
        let short = RedisReplies([.integer(1)], lost, to: batch)
        #expect(try short[0].get() == .integer(1))
        #expect(try failure(of: short[1]).code == .invalidCommand)
        #expect(try failure(of: short[3]).code == .malformedReply)

        var whole = RedisBatch()
        for word: RedisArgument in ["A", "B", "C"] { whole.command(word) }
        var replies = RedisReplies([.integer(1)], lost, to: whole)
        #expect(replies.count == 3 && replies.failures.count == 2)
        replies.replace([2, 1], with: RedisReplies([.integer(7), .error("ERR no")], nil, to: commands(2)))
        #expect(try replies[2].get() == .integer(7))
        #expect(try failure(of: replies[1]).serverPrefix == "ERR")
    }

    private func commands(_ count: Int) -> RedisBatch {
        var batch = RedisBatch()
        for _ in 0..<count { batch.command("A") }
        return batch
    }
}
