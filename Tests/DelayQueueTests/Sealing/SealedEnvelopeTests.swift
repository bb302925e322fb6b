import Beanstalk
import Foundation
import NIOCore
import TestSupport
import Testing

@testable import DelayQueue

@Suite("Sealed records")
struct SealedEnvelopeTests {
    private static let modes = [KeyRing.Mode.encrypt, .sign]

    private func open(
        _ record: ByteBuffer, with ring: KeyRing?, unsealed: UnsealedJobPolicy = .refuse,
        queue: TubeName = SealedJob.queue
    ) -> JobRecord {
        JobRecord(parsing: record, opening: SealPolicy(keyRing: ring, unsealedJobs: unsealed), queue: queue)
    }

    // MARK: Bytes

    /// Made by another implementation: Python's hmac and hashlib, and AESGCM of its package cryptography 48.
    private static let vectors: [(KeyRing.Mode, String)] = [
        (
            .encrypt,
            "445153312030313939613062322d633364342d376535662d386136622d376338643965306631613262203137393030303030"
                + "303031323334353620312f33203330203138393731343330373020656e637279707420323032362d30312032646263383862"
                + "3535616338346462306435366331323838376137646531316430646334366436373930656432613032333730386436353537"
                + "396130613234640d0a000102030405060708090a0b7bf378d58463c6c40957c16412fc04969ada3072eff3b25bf190024ee1"
                + "a87ae4ced02ba328aab5fdb801bfa0aaa56164d670c6a66f1df603f49cbe160db5f883940f01185a96195bbfa237ff9b4c11"
                + "7a"
        ),
        (
            .sign,
            "445153312030313939613062322d633364342d376535662d386136622d376338643965306631613262203137393030303030"
                + "303031323334353620312f332033302031383937313433303730207369676e20323032362d30312035636636323163353730"
                + "3861383930343339363235336233383730663439386662626136313536343266363264643766396263353730636639303362"
                + "623731350d0a636f6e74656e742d747970653a206170706c69636174696f6e2f6a736f6e0d0a782d74656e616e743a20626c"
                + "75650d0a0d0a7b22696e766f696365223a34327d"
        ),
    ]

    @Test(arguments: vectors)
    func `records have the documented bytes`(mode: KeyRing.Mode, hexadecimal: String) throws {
        let key = try SealingKey(id: "2026-01", secret: 0..<32)
        let ring = try KeyRing(current: key, mode: mode)
        let queue = try TubeName(validating: "mail")
        let template = try EnvelopeTemplate(
            id: try JobID("0199a0b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"),
            fireTime: Timestamp(microseconds: 1_790_000_000_123_456), timeToRun: 30, priority: 1_897_143_070,
            headers: ["content-type": "application/json", "x-tenant": "blue"],
            body: ByteBuffer(string: #"{"invoice":42}"#), sealedWith: ring, queue: queue, nonce: Array(0..<12))
        var record = ByteBuffer()
        template.write(copy: 1, copies: 3, into: &record)
        #expect(record.readableBytesView.map { String(format: "%02x", $0) }.joined() == hexadecimal)
        #expect(template.size(copy: 1, copies: 3) == record.readableBytes)
        #expect(open(record, with: ring, queue: queue).body == ByteBuffer(string: #"{"invoice":42}"#))
    }

    @Test(arguments: modes)
    func `what is sealed is opened`(mode: KeyRing.Mode) throws {
        var generator = SeededGenerator(seed: 11)
        let ring = try SealedJob.ring(mode: mode)
        for _ in 0..<300 {
            let id = (0..<Int.random(in: 1...200, using: &generator)).map { _ in
                UInt8.random(in: 0x21...0x7e, using: &generator)
            }
            let copies = Int.random(in: 0...64, using: &generator)
            let body = (0..<Int.random(in: 0...300, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            let envelope = Envelope(
                id: try JobID(String(decoding: id, as: UTF8.self)),
                fireTime: Timestamp(
                    microseconds: Int64.random(in: 0...Timestamp.latest.microseconds, using: &generator)),
                copy: Int.random(in: 0..<(copies == 0 ? 64 : copies), using: &generator), copies: copies,
                timeToRun: UInt32.random(in: 1...UInt32.max, using: &generator),
                priority: UInt32.random(in: 0...UInt32.max, using: &generator),
                headers: Bool.random(using: &generator) ? ["a": "b"] : [:], body: ByteBuffer(bytes: body))
            let template = try EnvelopeTemplate(
                id: envelope.id, fireTime: envelope.fireTime, timeToRun: envelope.timeToRun,
                priority: envelope.priority, headers: envelope.headers, body: envelope.body, sealedWith: ring,
                queue: SealedJob.queue)
            // Not at the buffer's beginning, to tell indexes from offsets.
            var record = ByteBuffer(string: "before")
            template.write(copy: envelope.copy, copies: copies, into: &record)
            record.moveReaderIndex(forwardBy: 6)
            #expect(record.readableBytes == template.size(copy: envelope.copy, copies: copies))
            #expect(open(record, with: ring) == .native(envelope))
            // Without keys it tells what revoking and looking need, and is nothing that could be run.
            let closed = JobRecord(parsing: record)
            #expect(closed.id == envelope.id && closed.fireTime == envelope.fireTime && closed.copy == envelope.copy)
            #expect(closed.body == nil && closed.summary == nil)
        }
    }

    @Test func `only encryption hides headers and body`() throws {
        for (mode, isReadable) in [(KeyRing.Mode.encrypt, false), (.sign, true)] {
            let text = String(buffer: try SealedJob.record(ring: try SealedJob.ring(mode: mode)))
            #expect(text.contains("secret body") == isReadable)
            #expect(text.contains("x-tenant") == isReadable)
        }
    }

    @Test func `no two encrypted payloads are alike`() throws {
        let ring = try SealedJob.ring()
        let payloads = try (0..<200).map { index in
            // The same id written again, and other ids.
            let record = try SealedJob.record(index.isMultiple(of: 2) ? "a" : "job-\(index)", ring: ring)
            guard case .sealed(let sealed) = JobRecord(parsing: record) else { return ByteBuffer() }
            return sealed.payload
        }
        #expect(Set(payloads).count == payloads.count)
        #expect(Set(payloads.map { $0.getBytes(at: $0.readerIndex, length: 12) }).count == payloads.count, "nonces")
    }

    // MARK: Forgery

    @Test(arguments: modes)
    func `every changed byte is noticed`(mode: KeyRing.Mode) throws {
        let ring = try SealedJob.ring(mode: mode)
        let record = try SealedJob.record(ring: ring)
        var refusals: Set<SealProblem> = []
        for index in 0..<record.readableBytes {
            for change in [UInt8(1), 0x20, 0x80] {
                var bytes = Array(record.readableBytesView)
                bytes[index] ^= change
                let problem = try #require(open(ByteBuffer(bytes: bytes), with: ring).problem)
                refusals.insert(problem)
            }
            let cut = ByteBuffer(record.readableBytesView.prefix(index))
            #expect(open(cut, with: ring).problem != nil)
        }
        #expect(refusals.contains(.wrongSeal) && refusals.contains(.notSealed))
        var longer = record
        longer.writeString("x")
        #expect(open(longer, with: ring).problem == .wrongSeal)
    }

    @Test(arguments: modes)
    func `no part of the line can be another one's`(mode: KeyRing.Mode) throws {
        let ring = try SealedJob.ring(mode: mode)
        let text = try #require(
            String(bytes: try SealedJob.record(ring: ring).readableBytesView.prefix { $0 != 13 }, encoding: .utf8))
        let payload = try SealedJob.record(ring: ring).readableBytesView.drop { $0 != 13 }
        let fields = text.split(separator: " ").map(String.init)
        for (index, others) in [
            1: ["b", "a2"], 2: ["1800000000000001", "01800000000000000"], 3: ["1/3", "0/2", "0/4", "0/0", "00/3"],
            4: ["31", "030"], 5: ["8", "07"], 6: [mode == .sign ? "encrypt" : "sign"], 7: ["k2"],
        ] {
            for other in others {
                var changed = fields
                changed[index] = other
                var record = ByteBuffer(string: changed.joined(separator: " "))
                record.writeBytes(payload)
                // The second key is known as well.
                let both = try SealedJob.ring(previous: [try SealedJob.key("k2", 2)], mode: mode)
                #expect(open(record, with: both).problem == .wrongSeal, "\(changed)")
            }
        }
    }

    @Test func `a payload cannot be moved to another job, time or copy, nor a seal to another payload`() throws {
        for mode in Self.modes {
            let ring = try SealedJob.ring(mode: mode)
            let real = try SealedJob.record(ring: ring)
            func parts(_ record: ByteBuffer) -> (line: [UInt8], payload: [UInt8]) {
                let bytes = Array(record.readableBytesView)
                let end = bytes.firstIndex(of: 13) ?? 0
                return (Array(bytes[..<end]), Array(bytes[end...]))
            }
            for other in [
                try SealedJob.record("b", body: "other body", ring: ring),
                try SealedJob.record(
                    fireTime: Timestamp(microseconds: 1_800_000_000_000_001), body: "other body", ring: ring),
                try SealedJob.record(body: "other body", ring: ring),
            ] {
                let mixed = ByteBuffer(bytes: parts(real).line + parts(other).payload)
                #expect(open(mixed, with: ring).problem == .wrongSeal)
            }
        }
    }

    @Test func `a record is good for its queue only`() throws {
        let ring = try SealedJob.ring()
        let record = try SealedJob.record(ring: ring)
        #expect(open(record, with: ring, queue: try TubeName(validating: "other")).problem == .wrongSeal)
        #expect(open(record, with: ring).problem == nil)
    }

    // MARK: Keys and policies

    @Test func `a ring opens what its keys have sealed, and nothing else`() throws {
        let old = try SealedJob.key("k1", 1)
        let oldRing = try KeyRing(current: old)
        let rotated = try SealedJob.ring("k2", 2, previous: [old])
        let without = try SealedJob.ring("k2", 2)
        let record = try SealedJob.record(ring: oldRing)
        #expect(open(record, with: rotated).body == ByteBuffer(string: "secret body"))
        #expect(open(record, with: without).problem == .unknownKey(id: "k1"))
        #expect(open(record, with: nil).problem == .noKeys)
        let impostor = try SealedJob.ring("k1", 9)
        #expect(open(record, with: impostor).problem == .wrongSeal, "another secret of the same name")
        let signed = try SealedJob.record(ring: try KeyRing(current: old, mode: .sign))
        #expect(open(signed, with: rotated).problem == nil, "the mode is the writer's choice")
    }

    @Test(arguments: ["DQ1 a 5 2/3 30 9\r\n\r\nbody", "1795406494393290000/body", "hello", ""])
    func `what is not sealed is taken only where the policy says so`(text: String) throws {
        let ring = try SealedJob.ring()
        let record = ByteBuffer(string: text)
        #expect(open(record, with: ring) == .unverified(.notSealed))
        #expect(open(record, with: ring, unsealed: .accept) == JobRecord(parsing: record))
        #expect(open(record, with: nil) == JobRecord(parsing: record))
    }

    @Test func `accepting unsealed jobs does not accept wrong seals`() throws {
        let record = try SealedJob.record(ring: try SealedJob.ring("k1", 9))
        #expect(open(record, with: try SealedJob.ring("k1", 1), unsealed: .accept).problem == .wrongSeal)
        #expect(open(record, with: try SealedJob.ring("k2", 1), unsealed: .accept).problem == .unknownKey(id: "k1"))
    }

    @Test(arguments: [
        "DQS1 ", "DQS1 a 1 0/1 30 0 sign k1", "DQS1 a 1 0/1 30 0 sign k1 @\r\n x", "DQS1 a 1 0/1 30 0 sign k1 @",
        "DQS1 a 1 0/1 30 0 seal k1 @\r\n", "DQS1 a 1 0/1 30 0 sign  @\r\n", "DQS1 a 1 0/1 30 0 sign k:1 @\r\n",
        "DQS1 a 1 0/1 0 0 sign k1 @\r\n", "DQS1 a 1 1/1 30 0 sign k1 @\r\n", "DQS1  1 0/1 30 0 sign k1 @\r\n",
        "DQS1 a 1 0/1 30 0 sign k1 @ \r\n", "DQS1 a 1 0/1 30 0 sign k1 @@\r\n", "DQS2 a 1 0/1 30 0 sign k1 @\r\n",
        "DQS1 a 1 0/1 30 0 sign k1 \r\n", "DQS1 a 1 0/1 30 0 encrypt k1 @\r\n", "DQS1 a 1 0/1 30 0 sign k1 @\r\n",
    ])
    func `no text of anybody's own is taken for sealed`(text: String) throws {
        for seal in [String(repeating: "0", count: 64), String(repeating: "A", count: 64), "00"] {
            let record = ByteBuffer(string: text.replacingOccurrences(of: "@", with: seal))
            #expect(open(record, with: try SealedJob.ring()).problem != nil)
        }
    }

    @Test func `a foreign record of spaces costs no more than its size`() throws {
        let spaces = ByteBuffer(string: "DQS1 " + String(repeating: " ", count: 4 << 20) + "\r\n")
        #expect(JobRecord(parsing: spaces) == .foreign(spaces))
        let more = ByteBuffer(string: String(repeating: " ", count: 4 << 20) + "\r\n")
        #expect(JobRecord(parsing: more) == .foreign(more))
    }
}
