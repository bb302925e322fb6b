import HiredisClient
import NIOCore
import Testing

/// What a peer that is no Redis server, or a broken one, can send.
@Suite struct HostileReplyTests {
    private func outcome(of pieces: [ByteBuffer], limits: RedisReplyLimits = .init()) -> Outcome {
        var decoder = RedisReplyDecoder(limits: limits)
        var outcome = Outcome()
        for piece in pieces {
            decoder.feed(piece)
            do {
                while let value = try decoder.next() { outcome.values.append(value) }
            } catch {
                outcome.error = error.code
                break
            }
        }
        return outcome
    }

    @Test func theFirstRepliesAreShort() {
        let text = "$1048577\r\n" + String(repeating: "x", count: 1_048_577) + "\r\n"
        for openings in [0, 1, 2] {
            var decoder = RedisReplyDecoder(openings: openings)
            decoder.feed(ByteBuffer(string: "+OK\r\n" + text))
            #expect((try? decoder.next()) == .status("OK"))
            #expect(((try? decoder.next()) == nil) == (openings == 2), "\(openings)")
        }
    }

    private struct Outcome: Equatable {
        var values: [RedisValue] = []
        var error: RedisError.Code?
    }

    @Test(arguments: [
        "x", "\r\n", "\0", "HTTP/1.1 400 Bad Request\r\n\r\n", "_\r\n", "#t\r\n", ",1.5\r\n", "(1\r\n", "%1\r\n",
        "~1\r\n", ">1\r\n", "=4\r\ntxt:\r\n", "!3\r\nERR\r\n", "|1\r\n",
        "+a\rb", "+a\n", "-a\r\r", "+\n", "-\n\r\n", "-a\nb\r\n",
        ":\r\n", ":x\r\n", ":+1\r\n", ":--1\r\n", ":-\r\n", ":-0\r\n", ":01\r\n", ":1 \r\n", ":1\rx", ":1\n",
        ":9223372036854775808\r\n", ":-9223372036854775809\r\n",
        "$\r\n", "$x\r\n", "$-\r\n", "$-2\r\n", "$-9223372036854775808\r\n", "$1\r\naXX", "$1\r\na\rX", "$0\r\nab",
        "$67108865", "$9223372036854775807", "$99999999999999999999999",
        "*\r\n", "*x\r\n", "*-2\r\n", "*1048577", "*2147483648", "*4294967295", "*9223372036854775807",
        "*1\r\nx", "*2\r\n*1048575\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*",
    ])
    func refusesAtOnce(_ text: String) {
        let bytes = ByteBuffer(string: "+OK\r\n" + text)
        let expected = Outcome(values: [.status("OK")], error: .malformedReply)
        #expect(outcome(of: [bytes]) == expected)
        #expect(outcome(of: bytes.readableBytesView.map { ByteBuffer(bytes: [$0]) }) == expected)
    }

    @Test func acceptsWhatIsJustWithinTheLimits() {
        var limits = RedisReplyLimits()
        limits.bulkLength = 3
        limits.elements = 4
        limits.lineLength = 5
        limits.nesting = 2
        limits.replyLength = 40
        func decode(_ text: String) -> Outcome { outcome(of: [ByteBuffer(string: text)], limits: limits) }
        #expect(decode("$3\r\nabc\r\n").error == nil)
        #expect(decode("$4").error == .malformedReply)
        #expect(decode("*2\r\n*2\r\n:1\r\n:2\r\n:3\r\n").values.count == 1)
        #expect(decode("*2\r\n*3\r\n").error == .malformedReply)
        #expect(decode("*1\r\n*1\r\n*").error == .malformedReply)
        #expect(decode("+abcde\r\n").values == [.status("abcde")])
        #expect(decode("+abcdef").error == .malformedReply)
        #expect(decode("+abcde\rf").error == .malformedReply)
        // The limit is for one reply, and for all in it.
        let full = "*3\r\n$3\r\nabc\r\n$3\r\nabc\r\n$3\r\nabc\r\n+abc\r\n"
        limits.replyLength = full.utf8.count - 6
        #expect(decode(full + full).values.count == 4)
        limits.replyLength -= 1
        #expect(decode(full).error == .malformedReply)
        limits.replyLength = 6
        #expect(decode("+abc\r\n:1\r\n").values.count == 2)
        #expect(decode("+abcd\r\n").error == .malformedReply)
    }

    @Test func endsAnEndlessLineSoon() throws {
        for type in ["+", "-", ":", "$", "*"] {
            var decoder = RedisReplyDecoder()
            decoder.feed(ByteBuffer(string: type))
            var fed = 0
            let error = #expect(throws: RedisError.self) {
                while fed < 1 << 20 {
                    decoder.feed(ByteBuffer(repeating: UInt8(ascii: "1"), count: 1024))
                    fed += 1024
                    let value = try decoder.next()
                    #expect(value == nil)
                }
            }
            #expect(error?.code == .malformedReply)
            #expect(fed <= 66 * 1024)
        }
    }

    @Test func staysFailed() throws {
        var decoder = RedisReplyDecoder()
        decoder.feed(ByteBuffer(string: "?"))
        #expect(throws: RedisError.self) { try decoder.next() }
        decoder.feed(ByteBuffer(string: "+OK\r\n"))
        #expect(throws: RedisError.self) { try decoder.next() }
    }

    @Test func reportsAServerThatTurnsConnectionsAway() throws {
        for (text, isConfiguration) in [
            ("-ERR max number of clients reached\r\n", false), ("-DENIED Redis is running in protected mode\r\n", true),
        ] {
            var decoder = RedisReplyDecoder()
            decoder.feed(ByteBuffer(string: text))
            let error = try #require(throws: RedisError.self) { try decoder.next() }
            #expect(error.isConfiguration == isConfiguration && error.isRetriable == !isConfiguration)
            // Later it answers a request, and says nothing about the connection.
            var later = RedisReplyDecoder()
            later.feed(ByteBuffer(string: "+OK\r\n" + text))
            #expect(try later.next() == .status("OK"))
            #expect(try later.next()?.string == nil)
        }
    }
}
