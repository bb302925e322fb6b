import DelayQueue
import DelayQueueTestKit
import NIOConcurrencyHelpers
import Subprocess
import TestSupport
import Testing

/// Processes that keep one schedule between them, and are killed again and again.
@Suite(.timeLimit(.minutes(4)))
struct KilledSchedulesTests {
    private static let processes = 10
    /// So long they are killed. Ticks are a second apart.
    private static let length = Duration.seconds(60)

    /// What the processes told of the runs of ticks.
    private final class Ledger: Sendable {
        struct Run: Sendable {
            let attempt: Int
            let process: Int
        }

        private struct State {
            /// By the tick, in microseconds since 1970.
            var runs: [Int64: [Run]] = [:]
            var killed: Set<Int> = []
            var processes = 0
            /// All ticks up to this one are to run.
            var last: Int64?
            var waiter: AsyncStream<Void>.Continuation?

            var isComplete: Bool {
                guard let last, let first = runs.keys.min() else { return false }
                return stride(from: first, through: last, by: 1_000_000).allSatisfy { runs[$0] != nil }
            }
        }

        private let state = NIOLockedValueBox(State())

        func start() -> Int {
            state.withLockedValue { state in
                state.processes += 1
                return state.processes
            }
        }

        func kill(_ process: Int) { state.withLockedValue { _ = $0.killed.insert(process) } }

        /// - Parameter line: "each-second/<fingerprint>@<tick> <attempt>".
        func note(_ line: String, by process: Int) throws {
            let parts = line.split(whereSeparator: { $0 == "@" || $0 == " " })
            try #require(parts.count == 3, "\(line)")
            let tick = try #require(Int64(parts[1]), "\(line)")
            let run = Run(attempt: try #require(Int(parts[2]), "\(line)"), process: process)
            state.withLockedValue { state in
                state.runs[tick, default: []].append(run)
                if state.isComplete { state.waiter?.finish() }
            }
        }

        /// Waits until every tick has run up to the latest that has by now.
        func completion() async {
            let (ticks, waiter) = AsyncStream.makeStream(of: Void.self)
            state.withLockedValue { state in
                state.last = state.runs.keys.max()
                state.waiter = waiter
                if state.isComplete { waiter.finish() }
            }
            // Ends where this task is cancelled too.
            for await _ in ticks {}
        }

        var ticks: [(tick: Int64, runs: [Run])] {
            state.withLockedValue { state in
                // The lines of several processes come in any order.
                state.runs.map { ($0.key, $0.value.sorted { $0.attempt < $1.attempt }) }
            }.sorted { $0.0 < $1.0 }
        }

        var killed: Set<Int> { state.withLockedValue { $0.killed } }
    }

    @Test func eachTickRunsOnceAndNoneIsMissed() async throws {
        let ledger = Ledger()
        try await withLocalCluster(nodes: 3) { cluster in
            let address = try cluster.queueAddress("ticks")
            let end = ContinuousClock.now + Self.length
            let (ends, isOver) = AsyncStream.makeStream(of: Void.self)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<Self.processes {
                    group.addTask {
                        var random = SeededGenerator(seed: UInt64(index))
                        while ContinuousClock.now < end {
                            try await run(
                                address, ledger, killedAfter: .milliseconds(Int.random(in: 200...8_000, using: &random))
                            )
                        }
                    }
                }
                try await group.waitForAll()
            }
            try #require(!ledger.ticks.isEmpty, "no tick has run")
            // Those that are left finish what the killed ones have begun.
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await run(address, ledger, until: ends) }
                group.addTask {
                    await ledger.completion()
                    isOver.finish()
                }
                try await group.waitForAll()
            }
        }
        let ticks = ledger.ticks
        let first = try #require(ticks.first?.tick)
        #expect(ticks.map(\.tick) == (0..<ticks.count).map { first + Int64($0) * 1_000_000 }, "a tick was missed")
        #expect(ticks.count >= Int(Self.length / .seconds(1)) - 10)
        for (tick, runs) in ticks {
            // One that told of its run and was killed before it had completed runs again.
            let unexplained = runs.dropLast().filter { !ledger.killed.contains($0.process) }
            #expect(unexplained.isEmpty, "tick \(tick) ran \(runs)")
            #expect(Set(runs.map(\.attempt)).count == runs.count, "tick \(tick) ran \(runs)")
        }
        #expect(ledger.killed.count > Self.processes)
    }

    /// Runs a process until it is killed.
    private func run(_ address: String, _ ledger: Ledger, killedAfter life: Duration) async throws {
        let (ends, isOver) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await run(address, ledger, until: ends, with: .kill) }
            group.addTask {
                try await Task.sleep(for: life)
                isOver.finish()
            }
            try await group.waitForAll()
        }
    }

    private func run(
        _ address: String, _ ledger: Ledger, until ends: AsyncStream<Void>, with signal: Signal = .terminate
    ) async throws {
        let process = ledger.start()
        let (_, status) = try await Tool("schedule-worker").start([address]) { running in
            let send = running.signal
            async let isSignalled: Void = {
                for await _ in ends {}
                if signal == .kill { ledger.kill(process) }
                try send(signal)
            }()
            while let line = try await running.nextLine() { try ledger.note(line, by: process) }
            try await isSignalled
        }
        // One that is told to end while it starts ends by the signal.
        #expect(signal == .kill ? status == .signaled(9) : [.exited(0), .signaled(15)].contains(status))
    }
}
