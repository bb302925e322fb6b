import CommandSupport
import DelayQueue

/// Measures how much memory a consumer has resident, in a process of its own.
struct MemoryBench: Sendable {
    let cluster: BenchCluster
    /// How many jobs fall due while it is looked at.
    let due: Int
    let bodySize: Int

    struct Pass: Sendable {
        /// With nothing due, in bytes.
        var waiting: Int
        /// The most while it took the jobs that were due.
        var peak: Int
    }

    /// For connections to be made and caches to be filled.
    private static let settling = Duration.seconds(3)
    private static let interval = Duration.milliseconds(50)

    func measure() async throws -> Pass {
        try await BenchWorker.with(1, on: cluster) { workers in
            guard let worker = workers.first else { throw CommandError("no worker was started") }
            try await worker.go()
            try await Task.sleep(for: Self.settling)
            let waiting = try await worker.tell()
            _ = try await cluster.fill(jobs: due, bodySize: bodySize, mode: .standby)
            while try await worker.tell().delivered < due { try await Task.sleep(for: Self.interval) }
            return Pass(waiting: waiting.memory, peak: try await worker.end().peakMemory)
        }
    }
}

extension BenchTable {
    /// - Parameter passes: by how many jobs are waiting.
    init(memory passes: [(waiting: Int, passes: [MemoryBench.Pass])], due: Int) {
        self.init(
            title: "memory of a consumer, by the number of jobs that wait on the nodes",
            columns: [
                Column(heading: "RSS", key: "memoryMB", decimals: 1, unit: " MB"),
                Column(
                    heading: "the most, with \(due) jobs run", key: "peakMemoryMB", decimals: 1, unit: " MB",
                    isDrawn: true),
                Column(heading: "ratio to the first", key: "ratioToFirst", decimals: 2),
            ])
        let peaks = passes.map { BenchReport.median($0.passes.map { Double($0.peak) / 1_048_576 }) }
        rows = zip(passes, peaks).map { entry, peak in
            Row(
                name: "\(entry.waiting) waiting",
                values: [
                    BenchReport.median(entry.passes.map { Double($0.waiting) / 1_048_576 }), peak,
                    peak / (peaks.first ?? peak),
                ])
        }
    }
}
