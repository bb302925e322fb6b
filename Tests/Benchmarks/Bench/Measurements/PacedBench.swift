import CommandSupport
import DelayQueue
import NIOCore

/// Measures a consumer in a process of its own that gets one job after the other, at even distances.
struct PacedBench: Sendable {
    let cluster: BenchCluster
    let jobs: Int
    let bodySize: Int
    /// Jobs a second.
    let rate: Int

    /// For connections to be made, and everything to be scheduled before the first job can be reserved.
    private static let settling = Duration.seconds(1)
    private static let lead = Duration.seconds(3)
    private static let interval = Duration.milliseconds(20)
    private static let patience = Duration.seconds(30)

    /// Scheduling is no part of it.
    ///
    /// - Throws: `CommandError` also where a job was not delivered, or is left on a node.
    func measure(_ mode: CopyMode) async throws -> Measurement {
        try await BenchWorker.with(1, on: cluster) { workers in
            guard let worker = workers.first else { throw CommandError("no worker was started") }
            try await worker.go()
            try await Task.sleep(for: Self.settling)
            try await schedule(mode)
            let before = try await worker.tell()
            var measurement = try await Measurement.of(cluster.probe) {
                try await Task.sleep(for: Self.lead + duration)
                let limit = ContinuousClock.now + Self.patience
                while try await cluster.remaining() > 0 {
                    guard ContinuousClock.now < limit else { throw CommandError("copies are left on the nodes") }
                    try await Task.sleep(for: Self.interval)
                }
                return (jobs, [])
            }
            let after = try await worker.tell()
            guard after.delivered == jobs else {
                throw CommandError("\(jobs) jobs were delivered \(after.delivered) times, not each once")
            }
            measurement.clientCPU = after.cpu - before.cpu
            measurement.peakMemory = try await worker.end().peakMemory
            return measurement
        }
    }

    private var duration: Duration { .seconds(1) * jobs / rate }

    private func schedule(_ mode: CopyMode) async throws {
        let producer = try cluster.producer(mode)
        let body = ByteBuffer(repeating: UInt8(ascii: "x"), count: bodySize)
        let start = Timestamp.now() + Self.lead
        let requests = (0..<jobs).map { JobRequest(at: (start + .seconds(1) * $0 / rate).date, body) }
        let results = await producer.schedule(requests)
        await producer.close()
        for result in results { _ = try result.get() }
    }
}
