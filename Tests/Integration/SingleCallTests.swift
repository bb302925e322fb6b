import Beanstalk
import DelayQueue
import DelayQueueTestKit
import NIOCore
import NIOPosix
import Testing

/// Single calls on connected nodes: what becomes of them when not all goes well.
@Suite("Single calls", .serialized, .timeLimit(.minutes(4)))
struct SingleCallTests {
    /// Runs a body with a producer that is connected to all three nodes, one job on each, and waits long for stragglers.
    ///
    /// - Parameter mode: with copies that are put together all of them are under way at once.
    private static func connected(
        _ mode: CopyMode = .together, _ body: @escaping @Sendable (Scenario, Producer) async throws -> Void
    ) async throws {
        try await Scenario.run { scenario in
            let producer = try scenario.producer {
                $0.copyMode = mode
                $0.stragglerGrace = .seconds(60)
                $0.writeTimeout = .seconds(120)
            }
            try await scenario.closing(producer) {
                let receipt = try await producer.delay(.seconds(600), "first")
                #expect(receipt.placements.compactMap(\.id).count == 3)
                try await body(scenario, producer)
            }
        }
    }

    /// Starts a call, and lets the body act once the nodes have its job.
    private static func during(
        _ scenario: Scenario, _ producer: Producer, on nodes: [Int],
        _ body: (Task<Receipt, any Error>) async throws -> Void
    ) async throws -> Result<Receipt, any Error> {
        let call = Task { try await producer.delay(.seconds(600), "second") }
        for node in nodes { try await scenario.eventually { try await scenario.jobCount(on: node) == 2 } }
        try await body(call)
        return await call.result
    }

    private static func error(_ result: Result<Receipt, any Error>) -> DelayQueueError? {
        if case .failure(let error) = result { error as? DelayQueueError } else { nil }
    }

    @Test func `a node lost after the puts have left costs its own copy`() async throws {
        try await Self.connected { scenario, producer in
            try await scenario.cluster.nodes[2].suspend()
            let result = try await Self.during(scenario, producer, on: [0, 1]) { _ in
                await scenario.cluster.nodes[2].kill()
            }
            let placements = try result.get().placements
            #expect(placements.map { $0.id == nil } == [false, false, true])
        }
    }

    /// The node may have a standby, for whose answer the lead waits, or the lead itself.
    @Test func `a node lost while standbys are under way costs its own copy`() async throws {
        try await Self.connected(.standby) { scenario, producer in
            try await scenario.cluster.nodes[2].suspend()
            let call = Task { try await producer.delay(.seconds(600), "second") }
            try await scenario.eventually {
                let counts = (try await scenario.jobCount(on: 0), try await scenario.jobCount(on: 1))
                return counts.0 + counts.1 > 2
            }
            await scenario.cluster.nodes[2].kill()
            let stored = try await call.value.placements.filter { $0.id != nil }
            #expect(Set(stored.map(\.node)) == Set(scenario.nodes.prefix(2)))
        }
    }

    @Test func `with two nodes lost the job is refused, and taken back from the third`() async throws {
        try await Self.connected { scenario, producer in
            for node in [1, 2] { try await scenario.cluster.nodes[node].suspend() }
            let result = try await Self.during(scenario, producer, on: [0]) { _ in
                for node in [1, 2] { await scenario.cluster.nodes[node].kill() }
            }
            let error = Self.error(result)
            #expect(error?.code == .insufficientCopies)
            #expect(error?.mayStillFire == true, "whether the lost nodes had stored it nobody knows")
            #expect(error?.nodeFailures.map(\.node) == Array(scenario.nodes[1...]))
            let left = try await scenario.jobCount(on: 0)
            #expect(left == 1)
        }
    }

    @Test func `what is stored after the caller was cancelled is deleted when its answer comes`() async throws {
        try await Self.connected { scenario, producer in
            for node in [1, 2] { try await scenario.cluster.nodes[node].suspend() }
            let result = try await Self.during(scenario, producer, on: [0]) { $0.cancel() }
            let error = Self.error(result)
            #expect(error?.code == .cancelled)
            #expect(error?.mayStillFire == true)
            let left = try await scenario.jobCount(on: 0)
            #expect(left == 1)
            for node in [1, 2] {
                try await scenario.cluster.nodes[node].resume()
                try await scenario.eventually {
                    guard let statistics = try await scenario.statistics(of: node) else { return false }
                    return statistics.totalJobs == 2 && statistics.currentJobsDelayed == 1
                }
            }
        }
    }

    @Test func `closing refuses what is not answered`() async throws {
        try await Self.connected { scenario, producer in
            for node in [1, 2] { try await scenario.cluster.nodes[node].suspend() }
            let result = try await Self.during(scenario, producer, on: [0]) { _ in
                await producer.close(within: .zero)
            }
            #expect(Self.error(result)?.code == .closed)
            for node in [1, 2] { try await scenario.cluster.nodes[node].resume() }
        }
    }

    @Test func `a task that prefers the producer's executor stays on its loop`() async throws {
        try await Scenario.run { scenario in
            let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
            let producer = try scenario.producer { $0.eventLoop = eventLoop }
            try await scenario.closing(producer) {
                try await withTaskExecutorPreference(producer.taskExecutor) {
                    for index in 0..<100 {
                        let receipt = try await producer.delay(.seconds(600), "\(index)")
                        #expect(receipt.placements.compactMap(\.id).count == 3)
                        #expect(eventLoop.inEventLoop)
                    }
                }
            }
        }
    }
}
