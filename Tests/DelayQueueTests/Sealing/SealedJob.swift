import Beanstalk
import DelayQueue
import NIOCore

/// Keys, and records sealed with them.
enum SealedJob {
    static let queue = TubeName.default

    static func key(_ id: String, _ byte: UInt8 = 1) throws -> SealingKey {
        try SealingKey(id: id, secret: [UInt8](repeating: byte, count: 32))
    }

    static func ring(
        _ id: String = "k1", _ byte: UInt8 = 1, previous: [SealingKey] = [], mode: KeyRing.Mode = .encrypt
    ) throws -> KeyRing {
        try KeyRing(current: try key(id, byte), previous: previous, mode: mode)
    }

    static func template(
        _ id: String = "a", fireTime: Timestamp = Timestamp(microseconds: 1_800_000_000_000_000),
        headers: JobHeaders = ["x-tenant": "blue"], body: String = "secret body", ring: KeyRing,
        queue: TubeName = SealedJob.queue
    ) throws -> EnvelopeTemplate {
        try EnvelopeTemplate(
            id: try JobID(id), fireTime: fireTime, timeToRun: 30, priority: 7, headers: headers,
            body: ByteBuffer(string: body), sealedWith: ring, queue: queue)
    }

    static func record(
        _ id: String = "a", fireTime: Timestamp = Timestamp(microseconds: 1_800_000_000_000_000),
        body: String = "secret body", copy: Int = 0, copies: Int = 3, ring: KeyRing, queue: TubeName = SealedJob.queue
    ) throws -> ByteBuffer {
        var bytes = ByteBuffer()
        try template(id, fireTime: fireTime, body: body, ring: ring, queue: queue)
            .write(copy: copy, copies: copies, into: &bytes)
        return bytes
    }
}

extension JobRecord {
    var problem: SealProblem? { if case .unverified(let problem) = self { problem } else { nil } }
}
