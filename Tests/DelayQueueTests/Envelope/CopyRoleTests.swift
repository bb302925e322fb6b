import Beanstalk
import NIOCore
import TestSupport
import Testing

@testable import DelayQueue

@Suite("What a record says of its copy")
struct CopyRoleTests {
    static let server = ServerID(0x0123_4567_89ab_cdef)
    static let other = ServerID(0xffff_ffff_ffff_ffff)

    static func name(_ index: Int, _ server: ServerID, _ id: UInt64) -> CopyName {
        CopyName(index: index, server: server, id: BeanstalkJobID(id))
    }

    static func line(_ role: CopyRole, copy: Int = 0, copies: Int = 3) throws -> ByteBuffer {
        var bytes = ByteBuffer()
        let template = EnvelopeTemplate(
            id: try JobID("a"), fireTime: Timestamp(microseconds: 5), timeToRun: 30, priority: 7, headers: [:],
            body: ByteBuffer(string: "body"))
        template.write(copy: copy, copies: copies, role: role, into: &bytes)
        #expect(bytes.readableBytes == template.size(copy: copy, copies: copies, role: role))
        return bytes
    }

    @Test func `a lead names its standbys, a standby the server of its lead`() throws {
        let lead = CopyRole.lead(on: nil, naming: [Self.name(1, Self.server, 42), Self.name(2, Self.other, 7)])
        let expected: [(CopyRole, Int, String)] = [
            (lead, 0, "DQ1 a 5 0/3+,1@0123456789abcdef@42,2@ffffffffffffffff@7 30 7\r\n\r\nbody"),
            (
                .lead(on: Self.other, naming: [Self.name(0, Self.server, 42)]), 1,
                "DQ1 a 5 1/3+ffffffffffffffff,0@0123456789abcdef@42 30 7\r\n\r\nbody"
            ),
            (.lead(on: Self.server, naming: []), 0, "DQ1 a 5 0/3+0123456789abcdef 30 7\r\n\r\nbody"),
            (.standby(leadOn: Self.server), 1, "DQ1 a 5 1/3~0123456789abcdef 30 7\r\n\r\nbody"),
            (.standby(leadOn: nil), 2, "DQ1 a 5 2/3~ 30 7\r\n\r\nbody"),
            (.alone, 2, "DQ1 a 5 2/3 30 7\r\n\r\nbody"),
        ]
        for (role, copy, text) in expected {
            let line = try Self.line(role, copy: copy)
            #expect(String(buffer: line) == text)
            let read = JobRecord(parsing: line)
            #expect(read.role == role && read.copy == copy && read.copies == 3)
        }
    }

    @Test func `the longest role has the length that is reckoned with`() throws {
        let names = (1..<5).map { Self.name($0 + 50, Self.other, .max) }
        #expect(CopyRole.lead(on: Self.server, naming: names).length == CopyRole.greatestLength(copies: 5))
    }

    @Test(arguments: [
        "0/3+", "0/3+1", "0/3+,", "0/3+1@0123456789abcdef@1", "0/3+0,1@0123456789abcdef@1", "0/3+,1@0123456789abcdef",
        "0/3+,1@0123456789abcdef@", "0/3+,1@0123456789ABCDEF@1",
        "0/3+,1@0123456789abcde@1", "0/3+,3@0123456789abcdef@1", "0/3+,0@0123456789abcdef@1",
        "0/3+,2@0123456789abcdef@1,1@0123456789abcdef@1", "0/3+,1@0123456789abcdef@1,1@0123456789abcdef@1",
        "0/3+,1@0123456789abcdef@1,", "0/3+,1@0123456789abcdef@-1", "0/3+,1@0123456789abcdef@18446744073709551616",
        "0/3~0", "0/3~0123456789abcdefa", "0/3~ ", "0/3~~", "0/3-", "0/3?", "0/+,1@0123456789abcdef@1", "0~", "0+",
    ])
    func `what no writer makes is not read`(counts: String) {
        let record = JobRecord(parsing: ByteBuffer(string: "DQ1 a 5 \(counts) 30 7\r\n\r\nbody"))
        guard case .foreign = record else {
            Issue.record("\(record)")
            return
        }
    }

    @Test func `standbys come minutes behind leads that are due at the same time, whatever wraps`() {
        for priority in [JobPriority.high, .normal, .low] {
            for seconds: Int64 in [0, 1_800_000_000, 4_294_967] {
                let lead = DuePriority.encode(
                    fireTime: Timestamp(microseconds: seconds * 1_000_000), priority: priority)
                let standby = DuePriority.ofStandby(lead)
                #expect(standby >> 30 == lead >> 30)
                #expect((standby &- lead) & (1 << 30 - 1) == 75_000)
            }
        }
    }
}
