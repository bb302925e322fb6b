import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import NIOCore
import Testing

/// Jobs that were given up, on real servers.
@Suite("Dead jobs", .timeLimit(.minutes(4)))
struct DeadJobsTests {
    /// Schedules jobs and gives each up, with its body for a reason; returns when all copies lie where they are to lie.
    private func bury(
        _ bodies: [String], as format: RecordFormat = .native, _ producer: Producer, _ consumer: Consumer,
        _ operations: QueueOperations, in scenario: Scenario
    ) async throws -> [JobID] {
        var options = JobOptions()
        options.format = format
        // Together, as a later one would pass over a node that is slow on a machine with too much to do.
        let receipts = await producer.schedule(bodies.map { JobRequest(delay: .zero, $0, options: options) })
        let ids = try receipts.map { try $0.get().jobID }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    for try await job in consumer { try await job.bury(reason: job.text) }
                } catch is CancellationError {
                    // All are dead.
                }
            }
            try await scenario.eventually {
                // Those that stand by surface later, are told of, and go back too.
                for id in ids {
                    guard try await waits(id, operations, on: scenario) else { return false }
                }
                return true
            }
            group.cancelAll()
        }
        return ids
    }

    @Test func `a dead job is told of, and runs at once when it is replayed`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                try await scenario.withOperations() { operations in
                    let before = Date()
                    let id = try await bury(["no such customer"], producer, consumer, operations, in: scenario)[0]
                    let job = try #require(try await operations.deadJob(id))
                    #expect(job.id == id)
                    #expect(job.reason == "no such customer")
                    #expect(job.runs == 1)
                    #expect(job.failures == 0)
                    #expect(job.consumer.hasSuffix("/\(ProcessInfo.processInfo.processIdentifier)"))
                    #expect(abs(job.diedAt.timeIntervalSince(before)) < 60)

                    #expect(try await operations.replay(id) == 3)
                    #expect(try await operations.deadJob(id) == nil)
                    #expect(try await operations.replay(id) == nil)
                    var iterator = consumer.makeAsyncIterator()
                    let again = try #require(try await iterator.next())
                    #expect(again.id == id)
                    #expect(again.failures == 0)
                    #expect(again.attempt == 2)
                    try await again.complete()
                }
                try await scenario.nodesAreEmpty(after: consumer)
            }
        }
    }

    @Test func `a dead job outlives all nodes but one of its copies`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                try await scenario.withOperations() { operations in
                    let id = try await bury(["x"], producer, consumer, operations, in: scenario)[0]
                    for node in scenario.cluster.nodes.dropFirst() { await node.kill() }
                    #expect(try await operations.replay(id) == 1)
                    var iterator = consumer.makeAsyncIterator()
                    let again = try #require(try await iterator.next())
                    try await again.complete()
                }
            }
        }
    }

    @Test func `replaying leaves a stranger's job alone that has a copy's number by now`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                try await scenario.withOperations() { operations in
                    let id = try await bury(["x"], producer, consumer, operations, in: scenario)[0]
                    let copy = try #require(
                        try await operations.deadJob(id)?.copies.first { $0.address == scenario.nodes[0].address })
                    try await scenario.cluster.nodes[0].restart()
                    let stranger = try await scenario.withConnection(to: 0) { connection in
                        var last = BeanstalkJobID(0)
                        while last < copy.id {
                            last = try await connection.put(
                                ByteBuffer(string: "another's"), priority: 5, delay: 4000, timeToRun: 10)
                        }
                        return last
                    }
                    #expect(stranger == copy.id)
                    #expect(try await operations.replay(id) == 2)
                    let statistics = try await scenario.withConnection(to: 0) { try await $0.statsJob(stranger) }
                    #expect(statistics.state == .delayed)
                    #expect(statistics.reserves == 0)
                    #expect(statistics.releases == 0)
                    var iterator = consumer.makeAsyncIterator()
                    let again = try #require(try await iterator.next())
                    try await again.complete()
                }
            }
        }
    }

    @Test func `a dropped job is gone from the list, and its copies are cleared away when they surface`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                try await scenario.withOperations() { operations in
                    let ids = try await bury(["a", "b"], producer, consumer, operations, in: scenario)
                    #expect(try await operations.drop(ids[0]))
                    #expect(try await operations.deadJobs().map(\.id) == [ids[1]])
                    #expect(try await operations.drop(ids[0]) == false)
                    // A day in a moment: whoever has the copy ready asks the ledger, and deletes it.
                    for node in scenario.nodes.indices {
                        try await scenario.kick(on: node)
                    }
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            for try await job in consumer { Issue.record("\(job.text) was delivered") }
                        }
                        try await scenario.eventually {
                            for node in scenario.nodes.indices {
                                guard try await scenario.jobCount(on: node) == 1 else { return false }
                            }
                            return try await waits(ids[1], operations, on: scenario)
                        }
                        group.cancelAll()
                    }
                }
            }
        }
    }

    /// Whether all copies of a dead job wait.
    private func waits(_ id: JobID, _ operations: QueueOperations, on scenario: Scenario) async throws -> Bool {
        guard let job = try await operations.deadJob(id) else { return false }
        let copies = await operations.copies(of: [job])
        return scenario.nodes.allSatisfy { copies[$0.address]?.values.reduce(0, +) == 1 }
    }

    @Test func `copies are counted by the tube they lie in`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                try await scenario.withOperations() { operations in
                    let id = try await bury(["x"], producer, consumer, operations, in: scenario)[0]
                    let job = try #require(try await operations.deadJob(id))
                    let counts = await operations.copies(of: [job])
                    #expect(counts.values.reduce(0) { $0 + ($1[.main] ?? 0) } == 1)
                    #expect(counts.values.reduce(0) { $0 + ($1[.standby] ?? 0) } == 2)
                }
            }
        }
    }

    @Test func `of many records the queue's dead ones are listed, the last first`() async throws {
        try await Scenario.run { scenario in
            let other = LedgerKey(queue: try TubeName(validating: "other"), id: try JobID("x"))
            let queue = scenario.nodes[0].tube
            let report = DeathReport(reason: "r", consumer: "c")
            let owner = try ClaimOwner("me")
            func give(_ key: LedgerKey, _ report: DeathReport) async throws {
                for operation in [LedgerRequest.Operation.claim(owner), .bury(owner, attempt: 1, report)] {
                    _ = try await scenario.ledger.perform(LedgerRequest(key: key, operation: operation))
                }
            }
            try await give(other, report)
            let done = (0..<3000).map { LedgerKey(queue: queue, id: JobID(unchecked: "done\($0)")) }
            for operation in [LedgerRequest.Operation.claim(owner), .complete(owner, attempt: 1, copies: 3)] {
                _ = await scenario.ledger.perform(done.map { LedgerRequest(key: $0, operation: operation) })
            }
            for number in 0..<20 {
                try await give(LedgerKey(queue: queue, id: JobID(unchecked: "dead:\(number)")), report)
            }
            let ofGoQueue = [nil, queue, try TubeName(validating: "other")].enumerated().map { index, queue in
                (
                    LedgerKey(goQueue: JobID(unchecked: "0123456789abcdef0123456789abcde\(index)")),
                    DeathReport(reason: "r", consumer: "c", queue: queue)
                )
            }
            for (key, report) in ofGoQueue { try await give(key, report) }
            try await scenario.withOperations() { operations in
                let ids = try await operations.deadJobs().map(\.id.description)
                let expected = ["0123456789abcdef0123456789abcde1"] + (0..<20).reversed().map { "dead:\($0)" }
                #expect(ids == expected)
            }
        }
    }

    @Test func `a dead job of go-queue's format is replayed as any other`() async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer()
            let consumer = try scenario.consumer()
            try await scenario.closing(producer, consumer) {
                try await scenario.withOperations() { operations in
                    let id = try await bury(["x"], as: .goQueue, producer, consumer, operations, in: scenario)[0]
                    #expect(try await operations.deadJobs().map(\.id) == [id])
                    #expect(try await operations.replay(id) == 3)
                    var iterator = consumer.makeAsyncIterator()
                    let again = try #require(try await iterator.next())
                    try await again.complete()
                }
            }
        }
    }
}
