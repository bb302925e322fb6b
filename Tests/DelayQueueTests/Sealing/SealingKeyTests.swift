import DelayQueue
import Foundation
import Testing

@Suite("Keys")
struct SealingKeyTests {
    /// In every secret here, also in its base64 form.
    private static let mark = "hunter2hunter2hunter2hunter2hunter2!"
    private static let secret = Array(mark.utf8)

    @Test(arguments: ["", "a b", "a:b", "é", "a\n", String(repeating: "a", count: 33)])
    func `an id that could not be written is refused`(id: String) {
        let error = #expect(throws: DelayQueueError.self) { try SealingKey(id: id, secret: Self.secret) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("id") == true)
    }

    @Test func `a short or broken secret is refused in words that do not repeat it`() throws {
        let short = "hunter2hunter2hunter2hunter2"
        for attempt in [
            { try SealingKey(id: "k", secret: Array(short.utf8)) },
            { try SealingKey(id: "k", base64: Data(short.utf8).base64EncodedString()) },
            { try SealingKey(id: "k", base64: short + "%") },
            { try SealingKey(id: "%" + short, base64: "%") },
        ] {
            let error = #expect(throws: DelayQueueError.self) { try attempt() }
            #expect(error?.code == .invalidConfiguration)
            #expect(error.map { !"\($0)".contains("hunter2") } == true)
        }
        _ = try SealingKey(id: String(repeating: "k", count: 32), secret: [UInt8](repeating: 7, count: 32))
        _ = try SealingKey(id: "2026-01_a.B", base64: Data(Self.secret).base64EncodedString())
    }

    @Test func `two keys of one id are refused`() throws {
        let key = try SealingKey(id: "a", secret: Self.secret)
        let other = try SealingKey(id: "b", secret: Self.secret)
        let error = #expect(throws: DelayQueueError.self) { try KeyRing(current: key, previous: [other, other]) }
        #expect(error?.code == .invalidConfiguration)
        #expect(try KeyRing(current: key, previous: [other]).description == "KeyRing(a, b; encrypt)")
    }

    @Test func `no description or reflection shows anything of a secret`() throws {
        let ring = try KeyRing(current: try SealingKey(id: "a", secret: Self.secret), mode: .sign)
        var producer = ProducerConfiguration()
        producer.keyRing = ring
        var consumer = ConsumerConfiguration()
        consumer.keyRing = ring
        for value in [ring.current, ring, producer, consumer, SealPolicy(keyRing: ring)] as [Any] {
            var dumped = ""
            dump(value, to: &dumped)
            for text in [dumped, "\(value)", String(reflecting: value)] {
                for trace in Self.traces { #expect(!text.contains(trace), "\(text)") }
            }
            #expect(dumped.contains("a"))
            #expect(!dumped.contains("SymmetricKey"))
        }
    }

    private static let traces = [
        mark, Data(secret).base64EncodedString(), "104, 117, 110", "68 75 6e", "68756e",
    ]
}
