import Beanstalk
import NIOCore
import TestSupport
import Testing

@testable import DelayQueue

@Suite struct EnvelopeTests {
    private func record(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

    @Test func writesTheDocumentedBytes() throws {
        let template = EnvelopeTemplate(
            id: try JobID("job-1"), fireTime: Timestamp(microseconds: 1_795_406_494_393_290), timeToRun: 30,
            priority: 77, headers: ["content-type": "text/plain", "empty": ""], body: record("a\r\n\r\nb"))
        var buffer = ByteBuffer()
        template.write(copy: 1, copies: 3, into: &buffer)
        #expect(
            String(buffer: buffer)
                == "DQ1 job-1 1795406494393290 1/3 30 77\r\ncontent-type: text/plain\r\nempty: \r\n\r\na\r\n\r\nb")
        #expect(template.size(copy: 1, copies: 3) == buffer.readableBytes)
    }

    @Test func headersThatNoProducerWritesAreNotRead() {
        let begin = "DQ1 job-1 1795406494393290 1/3 30 77\r\n"
        let longest = JobHeaders.maximumLength - "a".utf8.count - 4
        for (length, isRead) in [(longest, true), (longest + 1, false), (15_000_000, false)] {
            let text = begin + "a: " + String(repeating: "x", count: length) + "\r\n\r\n"
            #expect((Envelope.parse(record(text)) != nil) == isRead, "\(length)")
        }
    }

    /// The examples in Docs/formats.md.
    @Test func writesTheDocumentedRoles() throws {
        func server(_ id: String) throws -> ServerID { try #require(ServerID(id)) }
        let lead = CopyRole.lead(
            on: try server("1f0c5a9be2d47386"),
            naming: [
                CopyName(index: 1, server: try server("0a77c1d2e3f40516"), id: BeanstalkJobID(9)),
                CopyName(index: 2, server: try server("5be1d07a93c2f418"), id: BeanstalkJobID(23)),
            ])
        let standby = CopyRole.standby(leadOn: try server("1f0c5a9be2d47386"))
        let template = EnvelopeTemplate(
            id: try JobID("0199a0b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"),
            fireTime: Timestamp(microseconds: 1_790_000_000_123_456), timeToRun: 30, priority: 1_897_143_070,
            headers: [:], body: ByteBuffer())
        for (copy, role, field) in [
            (0, lead, "0/3+1f0c5a9be2d47386,1@0a77c1d2e3f40516@9,2@5be1d07a93c2f418@23"),
            (1, standby, "1/3~1f0c5a9be2d47386"),
            (1, .standby(leadOn: nil), "1/3~"), (1, .alone, "1/3"),
        ] {
            var buffer = ByteBuffer()
            template.write(copy: copy, copies: 3, role: role, into: &buffer)
            #expect(
                String(buffer: buffer)
                    == "DQ1 0199a0b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b 1790000000123456 \(field) 30 1897143070\r\n\r\n")
            guard case .native(let envelope) = JobRecord(parsing: buffer) else {
                Issue.record("\(field) is not read")
                continue
            }
            #expect(envelope.role == role)
        }
    }

    @Test func roundTrip() throws {
        var generator = SeededGenerator(seed: 4)
        for _ in 0..<2_000 {
            let headers = JobHeaders(
                (0..<Int.random(in: 0...4, using: &generator)).map { index in
                    let value = (0..<Int.random(in: 0...20, using: &generator)).map { _ in
                        UInt8.random(in: 0x20...0x7e, using: &generator)
                    }
                    return ("h-\(index)", String(decoding: value, as: UTF8.self))
                })
            let id = (0..<Int.random(in: 1...200, using: &generator)).map { _ in
                UInt8.random(in: 0x21...0x7e, using: &generator)
            }
            let body = (0..<Int.random(in: 0...300, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            let copies = Int.random(in: 0...64, using: &generator)
            let envelope = Envelope(
                id: try JobID(String(decoding: id, as: UTF8.self)),
                fireTime: Timestamp(
                    microseconds: Int64.random(in: 0...Timestamp.latest.microseconds, using: &generator)),
                copy: Int.random(in: 0..<(copies == 0 ? 64 : copies), using: &generator), copies: copies,
                timeToRun: UInt32.random(in: 1...UInt32.max, using: &generator),
                priority: UInt32.random(in: 0...UInt32.max, using: &generator), headers: headers,
                body: ByteBuffer(bytes: body))
            let template = EnvelopeTemplate(
                id: envelope.id, fireTime: envelope.fireTime, timeToRun: envelope.timeToRun,
                priority: envelope.priority, headers: headers, body: envelope.body)
            // Not at the buffer's beginning, to tell indexes from offsets.
            var buffer = record("before")
            template.write(copy: envelope.copy, copies: copies, into: &buffer)
            buffer.moveReaderIndex(forwardBy: 6)
            #expect(buffer.readableBytes == template.size(copy: envelope.copy, copies: copies))
            #expect(JobRecord(parsing: buffer) == .native(envelope))
        }
    }

    @Test(arguments: [
        "", "DQ1", "DQ1 ", "DQ1 \r\n\r\n", "hello", "{\"a\":1}", "DQ2 a 1 0/1 30 0\r\n\r\n", "dq1 a 1 0/1 30 0\r\n\r\n",
        "DQ1 a 1 0/1 30 0", "DQ1 a 1 0/1 30 0\r\n", "DQ1 a 1 0/1 30 0\n\n", "DQ1 a 1 0/1 30 0\r\nbody",
        "DQ1 a 1 0/1 30\r\n\r\n", "DQ1 a 1 0/1 30 0 0\r\n\r\n", "DQ1  1 0/1 30 0\r\n\r\n",
        "DQ1 a -1 0/1 30 0\r\n\r\n", "DQ1 a +1 0/1 30 0\r\n\r\n", "DQ1 a 1x 0/1 30 0\r\n\r\n",
        "DQ1 a 99999999999999999999 0/1 30 0\r\n\r\n", "DQ1 a 9007199254740993 0/1 30 0\r\n\r\n",
        "DQ1 a 1 64/1 30 0\r\n\r\n", "DQ1 a 1 0 30 0\r\n\r\n", "DQ1 a 1 / 30 0\r\n\r\n",
        "DQ1 a 1 0/ 30 0\r\n\r\n", "DQ1 a 1 /1 30 0\r\n\r\n", "DQ1 a 1 0/65 30 0\r\n\r\n", "DQ1 a 1 64/0 30 0\r\n\r\n",
        "DQ1 a 1 0/1/1 30 0\r\n\r\n", "DQ1 a 1 0/1 0 0\r\n\r\n", "DQ1 a 1 0/1 4294967296 0\r\n\r\n",
        "DQ1 a 1 0/1 30 4294967296\r\n\r\n", "DQ1 é 1 0/1 30 0\r\n\r\n", "DQ1 a\u{0} 1 0/1 30 0\r\n\r\n",
        "DQ1 a 1 0/1 30 0\r\nname\r\n\r\n", "DQ1 a 1 0/1 30 0\r\nname:v\r\n\r\n", "DQ1 a 1 0/1 30 0\r\n: v\r\n\r\n",
        "DQ1 a 1 0/1 30 0\r\nName: v\r\n\r\n", "DQ1 a 1 0/1 30 0\r\na: v\r\na: w\r\n\r\n",
        "DQ1 a 1 0/1 30 0\r\na: \u{1}\r\n\r\n", "DQ1 a 1 0/1 30 0\r\na:\r\n\r\n", "DQ1 a 1 0/1 30 0\r\r\n\r\n",
        "DQ1 a 1 0/1 30 0\r\na: v\r", "/", "/body", "-1/body", "+1/body", "1", "1x/body", " 1/body",
        "9223372036854775808/body", "99999999999999999999/body", "00000000000000000001/body",
    ])
    func foreign(_ text: String) {
        let bytes = record(text)
        let record = JobRecord(parsing: bytes)
        #expect(record == .foreign(bytes))
        #expect(record.id == nil && record.fireTime == nil && record.body == bytes && record.copies == 0)
        #expect(record.summary == nil)
    }

    @Test func tooManyHeaders() {
        func text(_ count: Int) -> String {
            "DQ1 a 1 0/1 30 0\r\n" + (0..<count).map { "h\($0): v\r\n" }.joined() + "\r\n"
        }
        #expect(JobRecord(parsing: record(text(128))).id != nil)
        #expect(JobRecord(parsing: record(text(129))).id == nil)
    }

    @Test func changedBytesNeverTrap() throws {
        var generator = SeededGenerator(seed: 5)
        let starts = [
            "DQ1 job-1 1795406494393290 1/3 30 77\r\ncontent-type: text/plain\r\ntraceparent: 00-ab\r\n\r\nbody",
            "DQ1 a 1 0/0 1 0\r\n\r\n", "1795406494393290000/body", "0/",
        ].map { Array($0.utf8) }
        var survivors = 0
        for _ in 0..<50_000 {
            var bytes = starts.randomElement(using: &generator) ?? []
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let position = Int.random(in: 0...bytes.count, using: &generator)
                switch Int.random(in: 0...3, using: &generator) {
                case 0: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: position)
                case 1 where position < bytes.count: bytes.remove(at: position)
                case 2: bytes = Array(bytes[..<position])
                default:
                    let interesting = Array("0123456789 /:\r\nDQ1-".utf8)
                    if position < bytes.count, let byte = interesting.randomElement(using: &generator) {
                        bytes[position] = byte
                    }
                }
            }
            let buffer = ByteBuffer(bytes: bytes)
            // A record that reads is written the same way, but for leading zeros.
            guard case .native(let envelope) = JobRecord(parsing: buffer) else { continue }
            survivors += 1
            var again = ByteBuffer()
            EnvelopeTemplate(
                id: envelope.id, fireTime: envelope.fireTime, timeToRun: envelope.timeToRun,
                priority: envelope.priority, headers: envelope.headers, body: envelope.body
            ).write(copy: envelope.copy, copies: envelope.copies, into: &again)
            #expect(JobRecord(parsing: again) == .native(envelope))
        }
        #expect(survivors > 100)
    }

    @Test func accessors() throws {
        let counted = JobRecord(parsing: record("DQ1 a 5 2/3 30 9\r\nx: y\r\n\r\nbody"))
        #expect(counted.id == (try JobID("a")))
        #expect(counted.fireTime == Timestamp(microseconds: 5))
        #expect(counted.copy == 2)
        #expect(counted.copies == 3)
        #expect(counted.headers["x"] == "y")
        #expect(counted.body == record("body"))
        let summary = try #require(counted.summary)
        #expect(summary.name.ledgerKey(queue: .default).description == "dq:default:a")
        #expect(summary.fireTime == Timestamp(microseconds: 5))
        #expect(summary.timeToRun == 30_000_000)
        #expect(summary.priority == 9)
        #expect(summary.index == 2)
    }
}
