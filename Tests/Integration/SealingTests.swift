import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import Metrics
import MetricsTestKit
import NIOCore
import TestSupport
import Testing

@Suite("Sealed jobs", .serialized, .timeLimit(.minutes(1)))
struct SealingTests {
    private static func ring(
        _ id: String, _ byte: UInt8 = 1, previous: [SealingKey] = [], mode: KeyRing.Mode = .encrypt
    ) throws -> KeyRing {
        try KeyRing(current: try key(id, byte), previous: previous, mode: mode)
    }

    private static func key(_ id: String, _ byte: UInt8 = 1) throws -> SealingKey {
        try SealingKey(id: id, secret: [UInt8](repeating: byte, count: 32))
    }

    /// What an attacker on a node can do.
    private func put(_ record: ByteBuffer, on node: Int, priority: UInt32 = 5, in scenario: Scenario) async throws {
        try await scenario.withConnection(to: node) { connection in
            _ = try await connection.put(record, priority: priority, delay: 0, timeToRun: 30, timeout: .seconds(5))
        }
    }

    private func storedCopies(_ receipt: Receipt, in scenario: Scenario) async throws -> [ByteBuffer] {
        var copies: [ByteBuffer] = []
        for placement in receipt.placements {
            let node = try #require(scenario.nodes.firstIndex(of: placement.node))
            // A lead may still be on its way where the ledger would tell of a revocation.
            guard let id = placement.id else { continue }
            copies.append(try await scenario.withConnection(to: node) { try #require(try await $0.peek(id)).body })
        }
        #expect(copies.count >= 2)
        return copies
    }

    @Test(arguments: [KeyRing.Mode.encrypt, .sign])
    func `a sealed job runs once, with its headers`(mode: KeyRing.Mode) async throws {
        try await Scenario.run { scenario in
            let ring = try Self.ring("k1", mode: mode)
            let producer = try scenario.producer(ledger: scenario.ledger) { $0.keyRing = ring }
            let consumer = try scenario.consumer { $0.keyRing = ring }
            try await scenario.closing(producer, consumer) {
                var options = JobOptions()
                options.headers["x-tenant"] = "blue"
                let receipt = try await producer.delay(.milliseconds(300), "card 4711", options: options)
                #expect(receipt.copies == 3)
                for copy in try await storedCopies(receipt, in: scenario) {
                    let text = String(buffer: copy)
                    #expect(text.contains("card 4711") == (mode == .sign))
                    #expect(text.contains("blue") == (mode == .sign))
                    #expect(text.hasPrefix("DQS1 \(receipt.jobID) "))
                }
                #expect(!receipt.description.contains("card") && !receipt.description.contains("k1"))
                var iterator = consumer.makeAsyncIterator()
                let job = try #require(try await iterator.next())
                #expect(job.text == "card 4711")
                #expect(job.headers["x-tenant"] == "blue")
                #expect(job.id == receipt.jobID)
                try await job.complete()
                try await scenario.nodesAreEmpty(after: consumer)
            }
        }
    }

    @Test func `forged copies are buried and counted, and the real job runs once, at its time`() async throws {
        _ = processMetrics
        try await Scenario.run { scenario in
            let ring = try Self.ring("k1")
            let capture = LogCapture()
            var configuration = ConsumerConfiguration()
            configuration.keyRing = ring
            let consumer = try Consumer(
                nodes: scenario.nodes, ledger: scenario.ledger, configuration: configuration, logger: capture.logger)
            let producer = try scenario.producer(ledger: scenario.ledger) { $0.keyRing = ring }
            // Its receipts name every copy, so that nothing of a revoked job is left until its date.
            let waiting = try scenario.producer { $0.keyRing = ring }
            try await scenario.closing(producer, consumer) {
                let real = try await producer.delay(.seconds(2), "real")
                let copies = try await storedCopies(real, in: scenario)
                let other = try await waiting.delay(.seconds(60), "evil other")
                await waiting.close(within: .seconds(1))

                // Due at once, under the real job's id.
                var plain = ByteBuffer()
                EnvelopeTemplate(
                    id: real.jobID, fireTime: Timestamp(microseconds: 1), timeToRun: 30, priority: 0, headers: [:],
                    body: ByteBuffer(string: "evil plain")
                ).write(copy: 1, copies: 3, into: &plain)
                // With a key of the attacker's own, under the real key's name.
                var impostor = ByteBuffer()
                try EnvelopeTemplate(
                    id: real.jobID, fireTime: Timestamp(microseconds: 1), timeToRun: 30, priority: 0, headers: [:],
                    body: ByteBuffer(string: "evil sealed"), sealedWith: try Self.ring("k1", 66),
                    queue: try TubeName(validating: scenario.tube)
                ).write(copy: 2, copies: 3, into: &impostor)
                // Copies of the real job: due earlier, the last one of all, with another job's payload, one bit off.
                let text = try #require(copies.first)
                let fields = text.readableBytesView.prefix { $0 != 13 }.split(separator: 32)
                func changed(_ index: Int, to value: String) -> ByteBuffer {
                    var line = fields.map { Array($0) }
                    line[index] = Array(value.utf8)
                    var record = ByteBuffer(bytes: line.joined(separator: [32]))
                    record.writeBytes(text.readableBytesView.drop { $0 != 13 })
                    return record
                }
                var mixed = ByteBuffer(bytes: text.readableBytesView.prefix { $0 != 13 })
                mixed.writeBytes(
                    try #require(try await storedCopies(other, in: scenario).first)
                        .readableBytesView.drop { $0 != 13 })
                var flipped = Array(text.readableBytesView)
                flipped[flipped.count - 1] ^= 1
                let forged = [
                    plain, impostor, changed(2, to: "1790000000000000"), changed(3, to: "0/1"), mixed,
                    ByteBuffer(bytes: flipped), ByteBuffer(string: "1790000000000000000/evil go"),
                    ByteBuffer(string: "evil foreign"),
                ]
                for record in forged { try await put(record, on: 0, in: scenario) }

                var iterator = consumer.makeAsyncIterator()
                let job = try #require(try await iterator.next())
                #expect(job.text == "real")
                #expect(job.fireDate == real.fireDate)
                #expect(Date() >= real.fireDate)
                #expect(job.attempt == 1)
                try await job.complete()
                let outcome = try await producer.revoke(other)
                #expect(outcome == .revoked)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for try await job in consumer { Issue.record("\(job.text) was delivered") }
                    }
                    try await scenario.eventually {
                        let (all, buried) = (
                            try await scenario.jobCount(on: 0), try await scenario.buriedCount(on: 0)
                        )
                        return all == forged.count && buried == all
                    }
                    for node in 1...2 { try await scenario.eventually { try await scenario.jobCount(on: node) == 0 } }
                    group.cancelAll()
                }
                let counted =
                    try processMetrics
                    .expectCounter("dq_unverified_jobs_total", [("queue", scenario.tube)]).totalValue
                #expect(counted == Int64(forged.count))
                let warnings = capture.lines.filter { $0.contains("could not be verified") }
                #expect(warnings.count == forged.count)
                for line in warnings {
                    #expect(line.hasPrefix("warning "))
                    #expect(
                        line.contains("\(scenario.nodes[0])") && line.contains("dq.job") && line.contains("dq.reason"))
                }
                #expect(!capture.lines.contains { $0.contains("evil") || $0.contains("real") })
            }
        }
    }

    @Test func `keys rotate, and a job met too early can be kicked`() async throws {
        try await Scenario.run { scenario in
            let old = try Self.key("old", 1)
            let oldProducer = try scenario.producer(ledger: scenario.ledger) { $0.keyRing = try? KeyRing(current: old) }
            let newProducer = try scenario.producer(ledger: scenario.ledger) { $0.keyRing = try? Self.ring("new", 2) }
            let stale = try scenario.consumer { $0.keyRing = try? KeyRing(current: old) }
            let rotated = try scenario.consumer { $0.keyRing = try? Self.ring("new", 2, previous: [old]) }
            try await scenario.closing(oldProducer, stale, rotated) {
                try await oldProducer.delay(.zero, "old")
                var iterator = rotated.makeAsyncIterator()
                var job = try #require(try await iterator.next())
                #expect(job.text == "old")
                try await job.complete()
                try await newProducer.delay(.zero, "new")
                job = try #require(try await iterator.next())
                #expect(job.text == "new")
                try await job.complete()
                try await scenario.nodesAreEmpty(after: rotated)

                // A consumer that was forgotten buries what it cannot verify, and nothing is lost.
                try await newProducer.delay(.zero, "too early")
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for try await job in stale { Issue.record("\(job.text) was delivered") }
                    }
                    for node in scenario.nodes.indices {
                        try await scenario.eventually { try await scenario.buriedCount(on: node) == 1 }
                    }
                    group.cancelAll()
                }
                for node in scenario.nodes.indices {
                    try await scenario.kick(on: node)
                }
                job = try #require(try await iterator.next())
                #expect(job.text == "too early")
                try await job.complete()
                try await scenario.nodesAreEmpty(after: rotated)
            }
            await newProducer.close(within: .seconds(1))
        }
    }

    @Test func `jobs written before there were keys run while that is allowed`() async throws {
        try await Scenario.run { scenario in
            let before = try scenario.producer(ledger: scenario.ledger)
            let after = try scenario.producer(ledger: scenario.ledger) { $0.keyRing = try? Self.ring("k1") }
            let migrating = try scenario.consumer {
                $0.keyRing = try? Self.ring("k1")
                $0.unsealedJobs = .accept
            }
            let strict = try scenario.consumer { $0.keyRing = try? Self.ring("k1") }
            try await scenario.closing(before, migrating, strict) {
                try await before.delay(.zero, "plain")
                try await after.delay(.zero, "sealed")
                var bodies: Set<String> = []
                var iterator = migrating.makeAsyncIterator()
                while bodies.count < 2 {
                    let job = try #require(try await iterator.next())
                    bodies.insert(job.text)
                    try await job.complete()
                }
                #expect(bodies == ["plain", "sealed"])
                try await scenario.nodesAreEmpty(after: migrating)

                try await before.delay(.zero, "too late")
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for try await job in strict { Issue.record("\(job.text) was delivered") }
                    }
                    for node in scenario.nodes.indices {
                        try await scenario.eventually { try await scenario.buriedCount(on: node) == 1 }
                    }
                    group.cancelAll()
                }
            }
            await after.close(within: .seconds(1))
        }
    }

    @Test(arguments: [true, false])
    func `sealed copies are found and deleted by a producer that did not write them`(hasLedger: Bool) async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer { $0.keyRing = try? Self.ring("k1") }
            // Peeks, as the connection is another one, and needs no key for that.
            let other = try scenario.producer(ledger: hasLedger ? scenario.ledger : nil)
            try await scenario.closing(producer) {
                let receipt = try await producer.delay(.seconds(60), "x")
                let kept = try await producer.delay(.seconds(60), "kept")
                let outcome = try await other.revoke(try Receipt(parsing: receipt.description))
                #expect(outcome == .revoked)
                for node in scenario.nodes.indices {
                    let left = try await scenario.jobCount(on: node)
                    #expect(left == 1)
                }
                let copies = try await storedCopies(kept, in: scenario)
                #expect(copies.allSatisfy { JobRecord(parsing: $0).id == kept.jobID })
            }
            await other.close(within: .seconds(1))
        }
    }

    @Test func `a refused write takes sealed copies back`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer(ledger: scenario.ledger) { $0.keyRing = try? Self.ring("k1") }
            try await scenario.closing(producer) {
                for node in scenario.cluster.nodes.dropFirst() { await node.kill() }
                let error = await #expect(throws: DelayQueueError.self) { try await producer.delay(.seconds(60), "x") }
                #expect(error?.code == .insufficientCopies)
                let left = try await scenario.jobCount(on: 0)
                #expect(left == 0)
            }
        }
    }

    @Test(arguments: [KeyRing.Mode.encrypt, .sign])
    func `the usable size counts the seal`(mode: KeyRing.Mode) async throws {
        try await Scenario.run(maxJobSize: 1000) { scenario in
            // The size that is named has room for the names of standbys too, which need not be that long.
            let producer = try scenario.producer {
                $0.keyRing = try? Self.ring("k1", mode: mode)
                $0.copyMode = .together
            }
            try await scenario.closing(producer) {
                let error = await #expect(throws: DelayQueueError.self) {
                    try await producer.delay(.seconds(60), String(repeating: "x", count: 1000))
                }
                #expect(error?.code == .bodyTooLarge)
                let message = try #require(error?.message)
                let usable = try #require(
                    message.firstMatch(of: /at most (\d+) bytes/).flatMap { Int($0.output.1) })
                #expect(usable < 1000 - 64)
                try await producer.delay(.seconds(60), String(repeating: "x", count: usable))
                let again = await #expect(throws: DelayQueueError.self) {
                    try await producer.delay(.seconds(60), String(repeating: "x", count: usable + 1))
                }
                #expect(again?.code == .bodyTooLarge)
            }
        }
    }

    @Test func `go-queue's format is refused where jobs are sealed`() async throws {
        let nodes = try ["127.0.0.1:1", "127.0.0.1:2"].map { try BeanstalkNode($0) }
        var configuration = ProducerConfiguration()
        configuration.keyRing = try Self.ring("k1")
        let producer = try Producer(nodes: nodes, configuration: configuration)
        var options = JobOptions()
        options.format = .goQueue
        let error = await #expect(throws: DelayQueueError.self) {
            try await producer.delay(.zero, "x", options: options)
        }
        #expect(error?.code == .invalidOption)
        #expect(error?.message.contains("cannot be sealed") == true)
        await producer.close(within: .seconds(1))
    }
}
