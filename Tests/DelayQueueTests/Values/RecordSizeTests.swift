import Beanstalk
import NIOCore
import Testing

@testable import DelayQueue

@Suite("How large records may be")
struct RecordSizeTests {
    private func producer(_ configure: (inout ProducerConfiguration) -> Void) throws -> Producer {
        var configuration = ProducerConfiguration()
        configure(&configuration)
        return try Producer(
            nodes: try ["127.0.0.1:1", "127.0.0.1:2"].map { try BeanstalkNode($0) }, configuration: configuration)
    }

    private func request(_ size: Int) -> JobRequest {
        JobRequest(delay: .seconds(60), ByteBuffer(repeating: 0x61, count: size))
    }

    @Test func `what a producer writes with its defaults, a consumer reads with its own`() {
        #expect(ProducerConfiguration().maximumRecordSize == ConsumerConfiguration().maximumRecordSize)
    }

    @Test func `the size that is named is the largest that is written, whatever its lead will name`() throws {
        let producer = try producer { $0.maximumRecordSize = 2_000 }
        for size in [1_990, 2_001, 1 << 20] {
            let error = #expect(throws: DelayQueueError.self) { try producer.prepare(request(size), now: .now()) }
            #expect(error?.code == .bodyTooLarge && error?.message.contains("maximumRecordSize") == true)
        }
        let message = #expect(throws: DelayQueueError.self) { try producer.prepare(request(1_990), now: .now()) }?
            .message
        let usable = try #require(message?.firstMatch(of: /at most (\d+) bytes/).flatMap { Int($0.output.1) })
        #expect((1_600..<2_000).contains(usable))
        let job = try producer.prepare(request(usable), now: .now())
        #expect(throws: DelayQueueError.self) { try producer.prepare(request(usable + 1), now: .now()) }
        let names = (0..<3).map { CopyName(index: $0, server: ServerID(.max), id: BeanstalkJobID(.max)) }
        var record = ByteBuffer()
        job.writePut(
            copy: 2, copies: 3, role: .lead(on: ServerID(.max), naming: Array(names.prefix(2))), priority: 1,
            delay: 1, into: &record)
        let line = try #require(record.readableBytesView.firstIndex(of: UInt8(ascii: "\n")))
        // The put's own line, and the line end behind the record, are not stored.
        #expect(record.readableBytes - (line + 1) - 2 <= 2_000)
    }

    @Test func `limits that cannot be kept are refused`() throws {
        for size in [0, -1, (1 << 30) + 1] {
            let error = #expect(throws: DelayQueueError.self) { try producer { $0.maximumRecordSize = size } }
            #expect(error?.message.contains("maximumRecordSize is \(size)") == true)
        }
        var configuration = ConsumerConfiguration()
        configuration.maximumRecordSize = 2_000
        configuration.maximumHeldBytes = 1_999
        let nodes = [try BeanstalkNode("127.0.0.1:1")]
        #expect(configuration.problems(nodes: nodes).count == 1)
        configuration.maximumHeldBytes = 2_000
        #expect(configuration.problems(nodes: nodes).isEmpty)
    }
}
