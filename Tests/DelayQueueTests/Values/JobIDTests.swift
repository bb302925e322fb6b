import Foundation
import Testing

@testable import DelayQueue

@Suite struct JobIDTests {
    @Test(arguments: ["a", "invoice:42", "~!@#$%^&*()", String(repeating: "x", count: 200)])
    func accepts(_ text: String) throws {
        #expect(try JobID(text).description == text)
    }

    @Test(arguments: ["", "a b", "a\r\nb", "é", "\u{7f}", "tab\t", String(repeating: "x", count: 201)])
    func refuses(_ text: String) {
        let error = #expect(throws: DelayQueueError.self) { try JobID(text) }
        #expect(error?.code == .invalidJobID)
        #expect(error?.isRetriable == false)
    }

    @Test func randomIsVersion7() throws {
        let id = JobID.random()
        let uuid = try #require(UUID(uuidString: id.description))
        #expect(id.description == id.description.lowercased())
        #expect(uuid.uuid.6 >> 4 == 7)
        #expect(uuid.uuid.8 >> 6 == 0b10)
        let digits = id.description.replacingOccurrences(of: "-", with: "").prefix(12)
        let milliseconds = try #require(Int64(digits, radix: 16))
        let now = Timestamp.now().microseconds / 1000
        #expect(abs(now - milliseconds) < 60_000)
    }

    @Test func `every digit of a UUID is in its place`() {
        #expect(UUIDText.make(0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210) == "01234567-89ab-cdef-fedc-ba9876543210")
        for _ in 0..<1_000 {
            let (high, low) = (UInt64.random(in: 0...(.max)), UInt64.random(in: 0...(.max)))
            let uuid = UUID(uuidString: UUIDText.make(high, low))
            let bytes = uuid.map { withUnsafeBytes(of: $0.uuid, Array.init) } ?? []
            #expect(bytes == [high, low].flatMap { withUnsafeBytes(of: $0.bigEndian, Array.init) })
        }
    }

    @Test func randomDoesNotRepeat() {
        let ids = (0..<10_000).map { _ in JobID.random() }
        #expect(Set(ids).count == ids.count)
    }

    @Test func laterIDsSortLater() {
        // Fractions of a millisecond count too, so a pause of a few microseconds is enough.
        var previous = JobID.random().description
        for _ in 0..<100 {
            let start = Timestamp.now()
            while Timestamp.now().microseconds < start.microseconds + 2 {}
            let next = JobID.random().description
            #expect(previous < next)
            previous = next
        }
    }

    @Test func codable() throws {
        let id = try JobID("order/7")
        #expect(try JSONDecoder().decode(JobID.self, from: JSONEncoder().encode(id)) == id)
        #expect(throws: (any Error).self) { try JSONDecoder().decode(JobID.self, from: Data("\"a b\"".utf8)) }
    }
}
