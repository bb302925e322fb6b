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

    static let ceiling = "ceiling: bare sockets"
    static let batch = "one batch"
    static let oneCaller = "1 caller"

    func measure(_ subject: String) async throws -> Measurement {
        switch subject {
        case Self.ceiling: try await measureCeiling()
        case limited.ceiling: try await measureCeiling(underWay: callers)
        case Self.batch: try await measureBatch()
        case Self.oneCaller: try await measureCallers(1, jobs: max(jobs / 10, 1))
        case callersOnLoop: try await measureCallers(callers, jobs: jobs, onLoop: true)
        default: try await measureCallers(callers, jobs: jobs)
        }
    }

    var subjects: [String] { [Self.ceiling, limited.ceiling, Self.batch, manyCallers, callersOnLoop, Self.oneCaller] }

    /// Callers wait for their job, so that no more are under way than there are callers.
    var limited: BenchReport.Limited {
        BenchReport.Limited(ceiling: "ceiling: \(callers) under way", subjects: [manyCallers, callersOnLoop])
    }

    private var manyCallers: String { "\(callers) callers" }
    /// Their tasks prefer `Producer.taskExecutor`.
    private var callersOnLoop: String { "\(callers) callers on the loop" }

    private var body: ByteBuffer { ByteBuffer(repeating: UInt8(ascii: "x"), count: bodySize) }

    private func measureCeiling(underWay: Int? = nil) async throws -> Measurement {
        let puts = try await cluster.raw.onThread { [jobs, body] in
            $0.puts(jobs: jobs, body: body, due: .now() + Self.delay)
        }
        var ids: [[UInt64]] = []
        let measurement = try await Measurement.of(cluster.probe) {
            ids = try await cluster.raw.onThread { try $0.put(puts, underWay: underWay).ids }
            return (jobs, [])
        }
        try await cluster.clear(ids)
        return measurement
    }

    private func measureBatch() async throws -> Measurement {
        let producer = try cluster.producer()
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

    private func measureCallers(_ callers: Int, jobs: Int, onLoop: Bool = false) async throws -> Measurement {
        let producer = try cluster.producer()
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
        try await cluster.clear(receipts)
        return measurement
    }
}
