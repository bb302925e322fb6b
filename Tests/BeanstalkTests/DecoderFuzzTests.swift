import NIOCore
import Testing

@testable import Beanstalk

@Suite(.timeLimit(.minutes(4))) struct DecoderFuzzTests {
    /// What a decoder made of some bytes.
    private struct Verdict: Equatable {
        var replies: [BeanstalkReply] = []
        var failed = false
    }

    private static let maximumBodySize = 32
    private static let maximumLineLength = 48

    private static let fragments: [[UInt8]] =
        DecoderTests.replies.map { Array($0.0.utf8) }
        + [
            "RESERVED ", "FOUND ", "OK ", "INSERTED ", "BURIED ", "USING ", "WATCHING ", "KICKED ", "\r\n", "\r", "\n",
            " ", "0", "1", "2", "-1", "33", "4294967296", "18446744073709551616", "default", "NOT_FOUND", "DELETED",
        ].map { Array($0.utf8) }

    private func decode(_ input: [UInt8], splitting: (inout [Int]) -> Void) -> Verdict {
        var decoder = BeanstalkReplyDecoder(
            maximumBodySize: Self.maximumBodySize, maximumLineLength: Self.maximumLineLength)
        var ends: [Int] = []
        splitting(&ends)
        ends.append(input.count)
        var verdict = Verdict()
        var start = 0
        for end in ends {
            decoder.feed(ByteBuffer(bytes: input[start..<end]))
            start = end
            do throws(BeanstalkError) {
                while let reply = try decoder.next() { verdict.replies.append(reply) }
            } catch {
                verdict.failed = true
                break
            }
            guard decoder.bufferedCapacity <= 1024 else {
                Issue.record("\(decoder.bufferedCapacity) bytes held for \(input)")
                break
            }
        }
        return verdict
    }

    @Test func `random bytes never trap, and mean the same however they are split`() {
        var random = SeededGenerator(state: 20_261_123)
        var failed = 0
        var replies = 0
        for round in 0..<100_000 {
            var input: [UInt8] = []
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                input += Self.fragments[Int.random(in: 0..<Self.fragments.count, using: &random)]
            }
            // Half of them damaged in one place.
            if Bool.random(using: &random) {
                let index = Int.random(in: 0..<input.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: input[index] = UInt8.random(in: 0...255, using: &random)
                case 1: input.remove(at: index)
                default: input.insert(UInt8.random(in: 0...255, using: &random), at: index)
                }
            }
            let whole = decode(input) { _ in }
            replies += whole.replies.count
            failed += whole.failed ? 1 : 0
            guard round.isMultiple(of: 4) else { continue }
            let split = decode(input) {
                let first = Int.random(in: 0...input.count, using: &random)
                $0 = [first, Int.random(in: first...input.count, using: &random)]
            }
            if whole != split {
                Issue.record("\(whole) against \(split) for \(input)")
                return
            }
        }
        // The inputs reach both ends: many are read, many are refused.
        #expect(replies > 50_000)
        #expect(failed > 20_000)
    }
}
