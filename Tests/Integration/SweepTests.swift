import Beanstalk
import DelayQueue
import DelayQueueTestKit
import NIOConcurrencyHelpers
import NIOCore
import Testing

/// Going through all jobs of real nodes.
@Suite("Sweeping nodes", .timeLimit(.minutes(4)))
struct SweepTests {
    private func sweep(
        _ operations: QueueOperations, after earlier: [NodeSweep] = []
    ) async throws -> (copies: [FoundCopy], nodes: [NodeSweep]) {
        let copies = NIOLockedValueBox<[FoundCopy]>([])
        let nodes = try await operations.sweep(after: earlier) { found in
            copies.withLockedValue { $0 += found }
            return true
        }
        return (copies.withLockedValue { $0 }, nodes)
    }

    /// Writes a copy of each job to every node, to be ready later.
    ///
    /// A producer passes a node over that is slow on a machine with too much to do.
    private func write(_ ids: [String], in scenario: Scenario) async throws {
        for id in ids { try await scenario.write(id, due: Timestamp.now() + .seconds(3000), delay: 3000) }
    }

    @Test func `copies in every state are found on every node, and no other queue's`() async throws {
        try await Scenario.run { scenario in
            let (later, now) = ((0..<10).map { "later-\($0)" }, (0..<10).map { "now-\($0)" })
            try await write(later, in: scenario)
            for id in now { try await scenario.write(id, due: .now()) }
            try await scenario.withConnection(to: 0) { connection in
                try await connection.use(TubeName(validating: "another-queue"))
                _ = try await connection.put(ByteBuffer(string: "a"), priority: 1, delay: 0, timeToRun: 10)
                // Held by this very connection while they are looked at.
                let held = try await connection.reserve(timeout: .seconds(10))
                let aside = try await connection.reserve(timeout: .seconds(10))
                try await connection.bury(aside.id, priority: 1)
                try await scenario.withOperations() { operations in
                    let (copies, nodes) = try await sweep(operations)
                    #expect(copies.count == 60)
                    #expect(Set(copies.compactMap(\.record?.id?.description)) == Set(later + now))
                    let own = copies.filter { $0.node == scenario.nodes[0] }
                    #expect(own.first { $0.id == held.id }?.statistics.state == .reserved)
                    #expect(own.first { $0.id == aside.id }?.statistics.state == .buried)
                    #expect(copies.count { $0.tube == .standby && $0.statistics.state == .delayed } == 20)
                    #expect(nodes.map(\.isComplete) == [true, true, true])
                    #expect(nodes.map(\.matches) == [20, 20, 20])
                    #expect(Set(nodes.map(\.server)).count == 3 && !nodes.map(\.server).contains(nil))
                }
            }
        }
    }

    @Test func `a second pass is about what came since, also where a node was started anew with its log`() async throws
    {
        try await Scenario.run(binlog: true) { scenario in
            try await write((0..<5).map { "\($0)" }, in: scenario)
            try await scenario.withOperations() { operations in
                let first = try await sweep(operations)
                #expect(first.copies.count == 15)
                try await write(["more"], in: scenario)
                let second = try await sweep(operations, after: first.nodes)
                #expect(second.copies.map(\.record?.id?.description) == ["more", "more", "more"])
                #expect(second.nodes.map(\.isComplete) == [true, true, true])

                try await scenario.cluster.nodes[1].restart()
                let third = try await sweep(operations, after: second.nodes)
                #expect(third.copies.count == 6)
                #expect(third.copies.allSatisfy { $0.node == scenario.nodes[1] })
                #expect(third.nodes.map(\.isComplete) == [true, true, true])
            }
        }
    }

    @Test func `a node that is away is told of, and the others are gone through`() async throws {
        try await Scenario.run { scenario in
            try await write(["x"], in: scenario)
            await scenario.cluster.nodes[2].kill()
            try await scenario.withOperations() { operations in
                let (copies, nodes) = try await sweep(operations)
                #expect(copies.count == 2)
                #expect(nodes.map { $0.failure == nil } == [true, true, false])
                #expect(nodes.map(\.isComplete) == [true, true, false])
            }
        }
    }

    @Test func `records for which there is no room together are read one by one, and ones too large not at all`()
        async throws
    {
        try await Scenario.run(nodes: 1, maxJobSize: 3 << 20) { scenario in
            try await scenario.withConnection(to: 0) { connection in
                for size in [1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 2 << 20] {
                    _ = try await connection.put(
                        ByteBuffer(repeating: 0x61, count: size), priority: 1, delay: 0, timeToRun: 10)
                }
            }
            try await scenario.withOperations() { operations in
                let (copies, nodes) = try await sweep(operations)
                #expect(copies.map(\.size).sorted() == Array(repeating: 1 << 20, count: 6) + [2 << 20])
                #expect(copies.filter { $0.record == nil }.map(\.size) == [2 << 20])
                #expect(nodes.map(\.isComplete) == [true])
            }
        }
    }

    @Test func `whoever has seen enough ends it, and so does a cancellation`() async throws {
        try await Scenario.run { scenario in
            try await write((0..<60).map { "\($0)" }, in: scenario)
            try await scenario.withOperations() { operations in
                let calls = NIOLockedValueBox(0)
                let nodes = try await operations.sweep { _ in
                    calls.withLockedValue { $0 += 1 }
                    return false
                }
                #expect(calls.withLockedValue { $0 } <= 3)
                #expect(nodes.contains { !$0.isComplete } || calls.withLockedValue { $0 } == 3)
                await #expect(throws: CancellationError.self) {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { _ = try await operations.sweep { _ in true } }
                        group.cancelAll()
                        try await group.waitForAll()
                    }
                }
            }
        }
    }
}
