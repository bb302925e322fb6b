import ArgumentParser

struct BenchLatencyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latency", abstract: "Schedule jobs one after the other, and time each call.")

    @OptionGroup var work: BenchWork
    @OptionGroup var options: BenchOptions

    func run() async throws {
        let command = self
        let jobs = work.jobs ?? 2_000
        let body = work.body ?? 32
        try await options.withCluster { cluster in
            let bench = LatencyBench(cluster: cluster, jobs: jobs, bodySize: body)
            try await command.options.run(
                "schedule \(jobs) jobs of \(body) bytes, one after the other",
                of: [
                    ("bare put to the slowest node", LatencyBench.Caller.bare), ("1 caller of delay", .task),
                    ("1 caller on the loop", .taskOnLoop),
                ], against: .ceiling
            ) { try await bench.measure($0) }
        }
    }
}
