import CommandSupport
import DelayQueue

/// Measures consumers in processes of their own on one queue, and checks that every job was delivered once.
struct ProcessesBench: Sendable {
    let cluster: BenchCluster
    let jobs: Int
    let bodySize: Int

    /// Between two looks at how far the processes are.
    private static let interval = Duration.milliseconds(20)
    /// Longer than a lease, after which every copy is asked for again.
    private static let patience = Duration.seconds(60)

    func name(of processes: Int) -> String { processes == 1 ? "1 process" : "\(processes) processes" }

    /// - Throws: `CommandError` also where a job was delivered twice, or is left on a node.
    func measure(processes: Int, _ mode: CopyMode) async throws -> Measurement {
        let receipts = try await cluster.fill(jobs: jobs, bodySize: bodySize, mode: mode)
        let expected = receipts.reduce(UInt64(0)) { $0 &+ BenchWorkerTally.checksum(of: $1.jobID) }
        let measurement = try await BenchWorker.with(processes, on: cluster) { workers in
            try await measure(workers, checksum: expected)
        }
        let remaining = try await cluster.remaining()
        guard remaining == 0 else { throw CommandError("\(remaining) copies of delivered jobs are left on the nodes") }
        return measurement
    }

    private func measure(_ workers: [BenchWorker], checksum: UInt64) async throws -> Measurement {
        var cpu = Duration.zero
        for worker in workers { cpu -= try await worker.tell().cpu }
        let before = try await cluster.probe.usage()
        let start = ContinuousClock.now
        for worker in workers { try await worker.go() }
        var delivered = 0
        // Every job is delivered, and no copy is left to be taken, as in `ConsumeBench`.
        while true {
            try await Task.sleep(for: Self.interval)
            delivered = 0
            for worker in workers { delivered += try await worker.tell().delivered }
            if delivered >= jobs, try await cluster.remaining(isReady: true) == 0 { break }
        }
        let elapsed = ContinuousClock.now - start
        // A copy of a job that another process runs is kept until that job is known to be done, and then deleted. A
        // process that ended before would give it back.
        let limit = ContinuousClock.now + Self.patience
        while ContinuousClock.now < limit, try await cluster.remaining() > 0 {
            try await Task.sleep(for: Self.interval)
        }
        var reports: [BenchWorkerReport] = []
        for worker in workers { reports.append(try await worker.end()) }
        let after = try await cluster.probe.usage()

        delivered = reports.reduce(0) { $0 + $1.delivered }
        guard delivered == jobs, reports.reduce(0, { $0 &+ $1.checksum }) == checksum else {
            throw CommandError("\(jobs) jobs were delivered \(delivered) times, not each once")
        }
        return Measurement(
            jobs: jobs, elapsed: elapsed, clientCPU: reports.reduce(cpu) { $0 + $1.cpu },
            serverCPU: after.cpu - before.cpu, nodeCommands: after.nodeCommands - before.nodeCommands,
            ledgerBytes: after.ledgerBytes - before.ledgerBytes, peakMemory: reports.map(\.peakMemory).max() ?? 0)
    }
}
