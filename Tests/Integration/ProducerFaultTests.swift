import DelayQueue
import DelayQueueTestKit
import Foundation
import NIOCore
import PipelinedTransport
import Testing

@Suite("Producer faults", .serialized, .timeLimit(.minutes(4)))
struct ProducerFaultTests {
    @Test func `with one node down a job has two copies`() async throws {
        try await Scenario.run { scenario in
            await scenario.cluster.nodes[1].kill()
            let producer = try scenario.producer {
                $0.connection.backoff = ExponentialBackoff(initial: .seconds(60), maximum: .seconds(60))
            }
            try await scenario.closing(producer) {
                let receipt = try await producer.delay(.seconds(60), "x")
                #expect(receipt.placements.compactMap(\.id).count == 2)
                let again = try await producer.delay(.seconds(60), "y")
                #expect(again.placements.count == 2)
                #expect(again.copies == 2, "a node in backoff is not counted")
            }
        }
    }

    @Test(arguments: [true, false])
    func `with two nodes down a job is refused and nothing of it is left`(hasLedger: Bool) async throws {
        try await Scenario.run { scenario in
            await scenario.cluster.nodes[0].kill()
            await scenario.cluster.nodes[2].kill()
            let producer = try scenario.producer(ledger: hasLedger ? scenario.ledger : nil) {
                // However slow this machine is, the one node's answer is waited for.
                $0.stragglerGrace = .seconds(20)
            }
            try await scenario.closing(producer) {
                for _ in 0..<5 {
                    let error = await #expect(throws: DelayQueueError.self) {
                        try await producer.delay(.seconds(60), "x")
                    }
                    #expect(error?.code == .insufficientCopies)
                    #expect(error?.mayStillFire == false)
                    #expect(error?.isRetriable == true)
                    #expect(error?.nodeFailures.map(\.node.address).contains(scenario.nodes[0].address) == true)
                }
                let left = try await scenario.jobCount(on: 1)
                #expect(left == 0)
            }
        }
    }

    /// The mark in the ledger keeps it from running again, but cannot undo a run.
    @Test(arguments: [false, true])
    func `a refusal says so where a consumer had the job before it was withdrawn`(completes: Bool) async throws {
        try await Scenario.run(nodes: 2) { scenario in
            try await scenario.cluster.nodes[1].suspend()
            // Together, as a lead would wait for the answer of the node that hangs.
            let producer = try scenario.producer(ledger: scenario.ledger) {
                $0.copyMode = .together
                $0.writeTimeout = .seconds(60)
            }
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                let error = await #expect(throws: DelayQueueError.self) {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await producer.delay(.zero, "x") }
                        for try await job in consumer {
                            if completes { try await job.complete() } else { try await job.retry(after: .seconds(60)) }
                            break
                        }
                        group.cancelAll()
                        try await group.waitForAll()
                    }
                }
                #expect(error?.code == .cancelled)
                #expect(error?.mayStillFire == true && error?.hasRun == completes)
                #expect(error?.sequel == (completes ? .hasRun : .mayHaveRun))
            }
        }
    }

    @Test func `jobs are accepted again once nodes are back`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            try await scenario.closing(producer) {
                try await producer.delay(.seconds(60), "x")
                for node in [0, 1] { await scenario.cluster.nodes[node].kill() }
                await #expect(throws: DelayQueueError.self) { try await producer.delay(.seconds(60), "y") }
                for node in [0, 1] { try await scenario.cluster.nodes[node].restart() }
                try await scenario.eventually {
                    do {
                        return try await producer.delay(.seconds(60), "z").placements.count == 3
                    } catch let error as DelayQueueError where error.isRetriable {
                        return false
                    }
                }
            }
        }
    }

    @Test func `a hung node is waited for once, and not from the second call on`() async throws {
        try await Scenario.run { scenario in
            let grace = Duration.seconds(2)
            let producer = try scenario.producer { $0.stragglerGrace = grace }
            try await scenario.closing(producer) {
                try await producer.delay(.seconds(60), "warm")
                try await scenario.cluster.nodes[2].suspend()
                let clock = ContinuousClock()
                let first = try await clock.measure {
                    let receipt = try await producer.delay(.seconds(60), "first")
                    #expect(receipt.placements.filter { $0.id == nil }.count == 1)
                }
                #expect(first >= grace)
                for index in 0..<20 {
                    let later = try await clock.measure { try await producer.delay(.seconds(60), "\(index)") }
                    #expect(later < grace / 4)
                }
                try await scenario.cluster.nodes[2].resume()
                // Its late answer makes it a full node again.
                try await scenario.eventually {
                    try await producer.delay(.seconds(60), "back").placements.compactMap(\.id).count == 3
                }
            }
        }
    }

    @Test func `a node that hangs before the first connection costs one grace too`() async throws {
        try await Scenario.run { scenario in
            let grace = Duration.seconds(2)
            try await scenario.cluster.nodes[2].suspend()
            let producer = try scenario.producer { $0.stragglerGrace = grace }
            try await scenario.closing(producer) {
                let clock = ContinuousClock()
                try await producer.delay(.seconds(60), "first")
                for index in 0..<20 {
                    let later = try await clock.measure { try await producer.delay(.seconds(60), "\(index)") }
                    #expect(later < grace / 4)
                }
            }
            try await scenario.cluster.nodes[2].resume()
        }
    }

    @Test func `cancelling at random moments leaves a receipt or no copy`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            try await scenario.closing(producer) {
                var accepted = 0
                for round in 0..<100 {
                    accepted += try await withThrowingTaskGroup(of: Bool.self) { group in
                        for index in 0..<100 {
                            group.addTask {
                                let call = Task { try await producer.delay(.seconds(3000), "\(round) \(index)") }
                                // From before the call starts to after it ended: some yields, then a cancellation.
                                for _ in 0..<Int.random(in: 0..<200) { await Task.yield() }
                                call.cancel()
                                do {
                                    _ = try await call.value
                                    return true
                                } catch let error as DelayQueueError where error.code == .cancelled {
                                    return false
                                }
                            }
                        }
                        return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                    }
                }
                // A copy whose answer came after the cancellation is deleted when it comes.
                var copies = 0
                for node in scenario.nodes.indices {
                    try await scenario.eventually { try await scenario.jobCount(on: node) <= accepted }
                    copies += try await scenario.jobCount(on: node)
                }
                #expect(copies >= accepted * 2)
                #expect(copies <= accepted * 3)
            }
        }
    }

    @Test func `cancelling one caller disturbs no other`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            try await scenario.closing(producer) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for index in 0..<500 {
                        group.addTask {
                            if index.isMultiple(of: 5) {
                                let call = Task { try await producer.delay(.seconds(3000), "cancelled") }
                                call.cancel()
                                _ = await call.result
                            } else {
                                let receipt = try await producer.delay(.seconds(3000), "kept")
                                #expect(receipt.placements.compactMap(\.id).count == 3)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    /// Where copies stand by the size that is named has room for the longest names of them, which need not be that long.
    @Test(arguments: [CopyMode.standby, .together])
    func `a body of the largest size goes through, one byte more is refused with the usable size`(
        mode: CopyMode
    ) async throws {
        try await Scenario.run(maxJobSize: 2000) { scenario in
            let producer = try scenario.producer { $0.copyMode = mode }
            try await scenario.closing(producer) {
                let error = await #expect(throws: DelayQueueError.self) {
                    try await producer.delay(.seconds(60), ByteBuffer(repeating: 0x61, count: 5000))
                }
                #expect(error?.code == .bodyTooLarge)
                let usable = try #require(
                    error?.message.firstMatch(of: /at most (\d+) bytes/).flatMap { Int($0.output.1) })
                #expect((1800..<2000).contains(usable))
                try await producer.delay(.seconds(60), ByteBuffer(repeating: 0x61, count: usable))
                if mode == .together {
                    let over = await #expect(throws: DelayQueueError.self) {
                        try await producer.delay(.seconds(60), ByteBuffer(repeating: 0x61, count: usable + 1))
                    }
                    #expect(over?.code == .bodyTooLarge)
                }
                for node in scenario.nodes.indices {
                    let count = try await scenario.jobCount(on: node)
                    #expect(count == 1)
                }
            }
        }
    }

    @Test func `bad requests name the field and leave the queue untouched`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            try await scenario.closing(producer) {
                var header = JobOptions()
                header.headers = ["x-name": "a\r\nb"]
                var short = JobOptions()
                short.timeToRun = .seconds(1)
                let cases: [(JobRequest, DelayQueueError.Code)] = [
                    (JobRequest(at: Date(timeIntervalSinceNow: -1), "x"), .dateInPast),
                    (JobRequest(delay: .seconds(-1), "x"), .dateInPast),
                    (JobRequest(delay: .seconds(Int64(UInt32.max) + 120), "x"), .dateTooFar),
                    (JobRequest(at: Date(timeIntervalSince1970: .infinity), "x"), .dateTooFar),
                    (JobRequest(at: Date(timeIntervalSince1970: .nan), "x"), .dateTooFar),
                    (JobRequest(delay: .zero, "x", options: header), .invalidHeader),
                    (JobRequest(delay: .zero, "x", options: short), .invalidOption),
                ]
                let results = await producer.schedule(cases.map(\.0))
                for (result, expected) in zip(results, cases.map(\.1)) {
                    guard case .failure(let error) = result else {
                        Issue.record("expected \(expected)")
                        continue
                    }
                    #expect(error.code == expected, "\(error)")
                    #expect(!error.message.isEmpty && !error.mayStillFire)
                }
                for id in ["", "a b", "a\r\nb", "é", String(repeating: "x", count: 201)] {
                    #expect(throws: DelayQueueError.self) { try JobID(id) }
                }
                for tube in ["", "a b", "a\r\nb", "-a", String(repeating: "x", count: 201)] {
                    #expect(throws: DelayQueueError.self) { try BeanstalkNode("127.0.0.1", tube: tube) }
                }
                for endpoint in ["", ":1", "a:0", "a:99999", "a b:1", "redis://a"] {
                    #expect(throws: DelayQueueError.self) { try BeanstalkNode(endpoint) }
                }
                for url in ["", "redis", "http://a", "redis://a:x", "redis://a/x", "redis://"] {
                    #expect(throws: DelayQueueError.self) { try RedisLedger(url) }
                }
                for node in scenario.nodes.indices {
                    let count = try await scenario.jobCount(on: node)
                    #expect(count == 0)
                }
            }
        }
    }

    @Test func `a configuration error lists every problem`() throws {
        var configuration = ProducerConfiguration()
        configuration.minimumWritten = 1
        configuration.queue = "a b"
        let node = try BeanstalkNode("127.0.0.1:11300")
        let error = #expect(throws: DelayQueueError.self) {
            try Producer(nodes: [node, node], configuration: configuration)
        }
        #expect(error?.code == .invalidConfiguration)
        for field in ["minimumWritten", "queue", "more than once"] {
            #expect(error?.message.contains(field) == true, "\(field)")
        }
    }

    @Test func `a caller's own id can be written again and runs once`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer(ledger: scenario.ledger)
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                var options = JobOptions()
                options.id = try JobID("invoice-42")
                let date = Date(timeIntervalSinceNow: 2)
                for _ in 0..<3 { try await producer.at(date, "x", options: options) }
                try await producer.at(date.addingTimeInterval(0.3), "last")
                var seen: [String] = []
                for try await job in consumer {
                    seen.append(job.text)
                    try await job.complete()
                    if job.text == "last" { break }
                }
                #expect(seen == ["x", "last"])
                let error = await #expect(throws: DelayQueueError.self) {
                    try await producer.delay(.seconds(1), "x", options: options)
                }
                #expect(error?.code == .jobFinished)
            }
        }
    }

    @Test func `a closed producer refuses`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            try await producer.delay(.seconds(60), "x")
            await producer.close()
            await producer.close()
            let error = await #expect(throws: DelayQueueError.self) { try await producer.delay(.seconds(60), "y") }
            #expect(error?.code == .closed)
        }
    }

    @Test func `with more nodes than copies load spreads over all of them`() async throws {
        try await Scenario.run(nodes: 5) { scenario in
            let producer = try scenario.producer()
            try await scenario.closing(producer) {
                let results = await producer.schedule((0..<300).map { JobRequest(delay: .seconds(600), "\($0)") })
                for result in results {
                    let receipt = try result.get()
                    #expect(receipt.placements.count == 3)
                }
                for node in scenario.nodes.indices {
                    let count = try await scenario.jobCount(on: node)
                    #expect((100...260).contains(count))
                }
            }
        }
    }
}
