import Beanstalk
import NIOCore
import Testing

@Suite struct StatisticsTests {
    private static let job = """
        ---
        id: 12
        tube: emails
        state: delayed
        pri: 4294967295
        age: 3
        delay: 60
        ttr: 30
        time-left: 56
        file: 0
        reserves: 1
        timeouts: 2
        releases: 3
        buries: 4
        kicks: 5

        """

    private func failure(of text: String) -> BeanstalkError? {
        do throws(BeanstalkError) {
            _ = try JobStatistics(parsing: ByteBuffer(string: text))
            return nil
        } catch {
            return error
        }
    }

    @Test func `more lines than any server has are not read`() {
        let lines = { (count: Int) in (0..<count).map { "k\($0): 1\n" }.joined() }
        #expect(failure(of: Self.job + lines(200)) == nil)
        #expect(failure(of: Self.job + lines(250))?.code == .malformedReply)
        #expect(failure(of: Self.job + String(repeating: "x\n", count: 500_000))?.code == .malformedReply)
    }

    @Test func `what a server says of itself is short, whatever its jobs are`() {
        for (line, isTaken) in [("OK 1048576", true), ("OK 1048577", false), ("FOUND 1 1048577", true)] {
            var decoder = BeanstalkReplyDecoder()
            decoder.feed(ByteBuffer(string: line + "\r\n"))
            do throws(BeanstalkError) {
                #expect(try decoder.next() == nil && isTaken, "\(line)")
            } catch {
                #expect(!isTaken, "\(line)")
            }
        }
    }

    @Test func `numbers so large that a sum of them would overflow are refused`() {
        for number in ["9223372036854775807", "-9223372036854775808", "9007199254740993"] {
            let text = Self.job.replacing("time-left: 56", with: "time-left: \(number)")
            #expect(failure(of: text)?.code == .malformedReply, "\(number)")
        }
        #expect(failure(of: Self.job.replacing("time-left: 56", with: "time-left: -9007199254740992")) == nil)
    }

    @Test func `a job's statistics are read`() throws {
        let job = try JobStatistics(parsing: ByteBuffer(string: Self.job + "colour: \"dark: blue\"\nempty: \nnone:\n"))
        #expect(job.id == BeanstalkJobID(12))
        #expect(job.tube.rawValue == "emails")
        #expect(job.state == .delayed)
        #expect(job.priority == .max)
        #expect([job.age, job.delay, job.timeToRun, job.timeLeft, job.file] == [3, 60, 30, 56, 0])
        #expect([job.reserves, job.timeouts, job.releases, job.buries, job.kicks] == [1, 2, 3, 4, 5])
        #expect(job["colour"] == "dark: blue")
        #expect(job["empty"] == "")
        #expect(job["none"] == "")
        #expect(job["time-left"] == "56")
        #expect(job["unknown"] == nil)
    }

    @Test(arguments: [
        ("id: 12\n", ""), ("id: 12\n", "id: x\n"), ("id: 12\n", "id: -1\n"), ("id: 12\n", "id 12\n"),
        ("id: 12\n", "id:12\n"), ("id: 12\n", "id: 12\nid: 12\n"), ("id: 12\n", ": 12\n"),
        ("pri: 4294967295", "pri: 4294967296"), ("state: delayed", "state: lost"), ("tube: emails", "tube: a b"),
        ("---\n", ""), ("---\n", "--\n"), ("age: 3", "age: 99999999999999999999"),
    ])
    func `malformed statistics are errors`(good: String, bad: String) throws {
        let range = try #require(Self.job.firstRange(of: good))
        let error = try #require(failure(of: Self.job.replacingCharacters(in: range, with: bad)))
        #expect(error.code == .malformedReply)
        #expect(error.mayHaveBeenSent)
    }

    @Test func `an empty text is an error`() {
        #expect(failure(of: "")?.code == .malformedReply)
        #expect(failure(of: "---\n")?.code == .malformedReply)
    }

    @Test func `bytes that are no text are an error, not a trap`() {
        var bytes = ByteBuffer(string: "---\n")
        bytes.writeBytes([0xFF, 0xFE, 0x0A])
        #expect(throws: BeanstalkError.self) { try ServerStatistics(parsing: bytes) }
        #expect(throws: BeanstalkError.self) { try TubeStatistics(parsing: bytes) }
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<Index>, with text: String) -> String {
        self[..<range.lowerBound] + text + self[range.upperBound...]
    }
}
