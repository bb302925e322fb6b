import Beanstalk
import Foundation
import NIOCore
import Testing

@testable import DelayQueue

@Suite struct GoQueueVectorTests {
    struct File: Decodable {
        var vectors: [Vector]
    }

    struct Vector: Decodable {
        var body_base64: Data
        var record_base64: Data
        var fire_unix_nanos: Int64
        var md5_key: String
        var priority: UInt32
        var ttr_seconds: UInt32
    }

    static func vectors() throws -> [Vector] {
        let url = try #require(
            Bundle.module.url(forResource: "goqueue-vectors", withExtension: "json", subdirectory: "Vectors"))
        return try JSONDecoder().decode(File.self, from: Data(contentsOf: url)).vectors
    }

    @Test func readsAndWritesWhatTheGoProgramWrote() throws {
        let vectors = try Self.vectors()
        #expect(vectors.count == 8)
        for vector in vectors {
            let bytes = ByteBuffer(bytes: vector.record_base64)
            let body = ByteBuffer(bytes: vector.body_base64)
            let record = JobRecord(parsing: bytes)
            guard case .goQueue(let goQueue) = record else {
                Issue.record("\(vector.md5_key) was read as \(record)")
                continue
            }
            #expect(goQueue.id.description == vector.md5_key)
            #expect(goQueue.fireNanoseconds == vector.fire_unix_nanos)
            #expect(goQueue.body == body)
            #expect(GoQueueRecord.encode(fireNanoseconds: vector.fire_unix_nanos, body: body) == bytes)
            #expect(GoQueueRecord.priority == vector.priority)
            #expect(GoQueueRecord.timeToRun == vector.ttr_seconds)
            let facts = try #require(record.summary)
            #expect(facts.priority == vector.priority)
            #expect(facts.timeToRun == Int64(vector.ttr_seconds) * 1_000_000)
            #expect(record.copies == 0 && record.copy == nil && facts.index == nil)
            #expect(facts.name.ledgerKey(queue: .default).description == vector.md5_key)
            let fireTime = try #require(record.fireTime)
            #expect(fireTime.microseconds * 1000 >= vector.fire_unix_nanos)
            #expect(fireTime.microseconds * 1000 - vector.fire_unix_nanos < 1000)
        }
    }

    @Test func wholeMicroseconds() {
        let record = GoQueueRecord.encode(fireTime: Timestamp(microseconds: 12), body: ByteBuffer(string: "x"))
        #expect(String(buffer: record) == "12000/x")
        #expect(GoQueueRecord.parse(record)?.fireTime == Timestamp(microseconds: 12))
        #expect(JobRecord(parsing: ByteBuffer(string: "\(Int64.max)/")).fireTime?.microseconds == Int64.max / 1000 + 1)
    }
}
