import Beanstalk
import NIOCore
import Testing

@Suite struct CommandTests {
    private static let longest = try? TubeName(validating: String(repeating: "t", count: 200))

    private static let cases: [(BeanstalkCommand, String)] = [
        (.put(ByteBuffer(string: "hello"), priority: 1, delay: 2, timeToRun: 3), "put 1 2 3 5\r\nhello\r\n"),
        (.put(ByteBuffer(), priority: 0, delay: 0, timeToRun: 0), "put 0 0 0 0\r\n\r\n"),
        (
            .put(ByteBuffer(string: "\r\n"), priority: .max, delay: .max, timeToRun: .max),
            "put 4294967295 4294967295 4294967295 2\r\n\r\n\r\n"
        ),
        (.use(.default), "use default\r\n"),
        (.reserve, "reserve\r\n"),
        (.reserveWithTimeout(seconds: 0), "reserve-with-timeout 0\r\n"),
        (.reserveWithTimeout(seconds: .max), "reserve-with-timeout 2147483647\r\n"),
        (.reserveJob(BeanstalkJobID(10)), "reserve-job 10\r\n"),
        (.delete(BeanstalkJobID(.max)), "delete 18446744073709551615\r\n"),
        (.delete(BeanstalkJobID(9)), "delete 9\r\n"),
        (.release(BeanstalkJobID(1_000), priority: 99, delay: 100), "release 1000 99 100\r\n"),
        (
            .release(BeanstalkJobID(.max), priority: .max, delay: .max),
            "release 18446744073709551615 4294967295 4294967295\r\n"
        ),
        (.bury(BeanstalkJobID(7), priority: 0), "bury 7 0\r\n"),
        (.touch(BeanstalkJobID(1)), "touch 1\r\n"),
        (.watch(.default), "watch default\r\n"),
        (.ignore(.default), "ignore default\r\n"),
        (.peek(BeanstalkJobID(12)), "peek 12\r\n"),
        (.peekReady, "peek-ready\r\n"),
        (.peekDelayed, "peek-delayed\r\n"),
        (.peekBuried, "peek-buried\r\n"),
        (.kick(bound: 100), "kick 100\r\n"),
        (.kickJob(BeanstalkJobID(4)), "kick-job 4\r\n"),
        (.stats, "stats\r\n"),
        (.statsJob(BeanstalkJobID(5)), "stats-job 5\r\n"),
        (.statsTube(.default), "stats-tube default\r\n"),
        (.listTubes, "list-tubes\r\n"),
        (.listTubeUsed, "list-tube-used\r\n"),
        (.listTubesWatched, "list-tubes-watched\r\n"),
        (.pauseTube(.default, delay: 60), "pause-tube default 60\r\n"),
        (.quit, "quit\r\n"),
    ]

    @Test func `every command is written as the protocol has it`() {
        for (command, expected) in Self.cases {
            var bytes = ByteBuffer()
            command.encode(into: &bytes)
            #expect(String(buffer: bytes) == expected)
        }
    }

    @Test func `commands are appended to what is there`() {
        var bytes = ByteBuffer()
        for (command, _) in Self.cases { command.encode(into: &bytes) }
        #expect(String(buffer: bytes) == Self.cases.map(\.1).joined())
    }

    @Test func `the longest tube name fits a line of the server`() throws {
        let tube = try #require(Self.longest)
        var bytes = ByteBuffer()
        BeanstalkCommand.pauseTube(tube, delay: .max).encode(into: &bytes)
        #expect(bytes.readableBytes == 224)
        #expect(String(buffer: bytes) == "pause-tube \(tube) 4294967295\r\n")
    }

    @Test func `a put writes its body in place`() {
        var bytes = ByteBuffer(string: "delete 1\r\n")
        BeanstalkCommand.writePut(priority: 3, delay: 4, ttr: 5, bodySize: 6, into: &bytes) { target in
            #expect(target.count == 6)
            target.copyBytes(from: "abcdef".utf8)
            return 6
        }
        #expect(String(buffer: bytes) == "delete 1\r\nput 3 4 5 6\r\nabcdef\r\n")
    }

    @Test func `numbers of every length are written right`() {
        var number: UInt64 = 1
        for _ in 0..<20 {
            for value in [number &- 1, number, number &+ 1] {
                var bytes = ByteBuffer()
                BeanstalkCommand.touch(BeanstalkJobID(value)).encode(into: &bytes)
                #expect(String(buffer: bytes) == "touch \(value)\r\n")
            }
            number = number &* 10
        }
    }

    #if os(Linux) || os(macOS)
        @Test func `a body of another size than announced stops the program`() async {
            await #expect(processExitsWith: .failure) {
                var bytes = ByteBuffer()
                BeanstalkCommand.writePut(priority: 0, delay: 0, ttr: 1, bodySize: 1, into: &bytes) { _ in 2 }
            }
        }
    #endif
}
