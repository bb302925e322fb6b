import Beanstalk
import DelayQueue
import NIOCore

/// Measures scheduling against bare sockets that send the same puts.
struct ProduceBench: Sendable {
    let cluster: BenchCluster
    let jobs: Int
    let callers: Int
    let bodySize: Int

    /// Far enough away that nothing becomes ready while it is measured.
    private static let delay = Duration.seconds(600)

    enum Form: CaseIterable, Sendable {
        case ceiling, limitedCeiling, batch, callers, callersOnLoop, oneCaller, oneCallerWithLedger
    }

    func name(of form: Form) -> String {
        switch form {
        case .ceiling: "ceiling: bare sockets"
        // Callers wait for their job, so that no more are under way than there are callers.
        case .limitedCeiling: "ceiling: \(callers) under way"
        case .batch: "one batch"
        case .callers: "\(callers) callers"
        // Their tasks prefer `Producer.taskExecutor`.
        case .callersOnLoop: "\(callers) callers on the loop"
        case .oneCaller: "1 caller"
        case .oneCallerWithLedger: "1 caller with a ledger"
        }
    }

    func measure(_ form: Form, _ mode: CopyMode) async throws -> Measurement {
        switch form {
        case .ceiling: try await measureCeiling(mode)
        case .limitedCeiling: try await measureCeiling(mode, underWay: callers)
        case .batch: try await measureBatch(mode)
        case .callers: try await measureCallers(callers, mode, jobs: jobs)
        case .callersOnLoop: try await measureCallers(callers, mode, jobs: jobs, onLoop: true)
        case .oneCaller: try await measureCallers(1, mode, jobs: max(jobs / 10, 1))
        case .oneCallerWithLedger:
            try await measureCallers(1, mode, jobs: max(jobs / 10, 1), ledger: try cluster.ledger())
        }
    }

    private var body: ByteBuffer { ByteBuffer(repeating: UInt8(ascii: "x"), count: bodySize) }

    private func measureCeiling(_ mode: CopyMode, underWay: Int? = nil) async throws -> Measurement {
        let puts = try await cluster.raw.onThread { [jobs, body] in
            $0.puts(jobs: jobs, body: body, due: .now() + Self.delay, mode: mode)
        }
        var ids: [[UInt64]] = []
        let measurement = try await Measurement.of(cluster.probe) {
            ids = try await cluster.raw.onThread { try $0.put(puts, underWay: underWay).ids }
            return (jobs, [])
        }
        try await cluster.clear(ids)
        return measurement
    }

    private func measureBatch(_ mode: CopyMode) async throws -> Measurement {
        let producer = try cluster.producer(mode)
        let requests = (0..<jobs).map { _ in JobRequest(delay: Self.delay, body) }
        // Opens the connections.
        try await cluster.clear([try await producer.delay(Self.delay, body)])
        var results: [Result<Receipt, DelayQueueError>] = []
        let measurement = try await Measurement.of(cluster.probe) {
            results = await producer.schedule(requests)
            return (jobs, [])
        }
        await producer.close()
        try await cluster.clear(results.map { try $0.get() })
        return measurement
    }

    private func measureCallers(
        _ callers: Int, _ mode: CopyMode, jobs: Int, onLoop: Bool = false, ledger: RedisLedger? = nil
    ) async throws -> Measurement {
        let producer = try cluster.producer(mode, ledger: ledger)
        // Opens the connections.
        try await cluster.clear([try await producer.delay(Self.delay, body)])
        var receipts: [Receipt] = []
        let measurement = try await Measurement.of(cluster.probe) {
            let calls = try await withThrowingTaskGroup(of: [(Receipt, Duration)].self) { group in
                for caller in 0..<callers {
                    group.addTask(executorPreference: onLoop ? producer.taskExecutor : nil) {
                        var calls: [(Receipt, Duration)] = []
                        let count = jobs / callers + (caller < jobs % callers ? 1 : 0)
                        calls.reserveCapacity(count)
                        for _ in 0..<count {
                            let start = ContinuousClock.now
                            let receipt = try await producer.delay(Self.delay, body)
                            calls.append((receipt, ContinuousClock.now - start))
                        }
                        return calls
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            receipts = calls.map(\.0)
            return (jobs, calls.map(\.1))
        }
        await producer.close()
        await ledger?.close()
        try await cluster.clear(receipts)
        return measurement
    }
}
