import ArgumentParser

struct BenchLatencyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latency", abstract: "Schedule jobs one after the other, and time each call.")

    @OptionGroup var copies: BenchCopies
    @OptionGroup var work: BenchWork
    @OptionGroup var options: BenchOptions

    func run() async throws {
        let command = self
        let jobs = work.jobs ?? 2_000
        let body = work.body ?? 32
        try await options.withCluster { cluster in
            let bench = LatencyBench(cluster: cluster, jobs: jobs, bodySize: body)
            let works: [(name: String, work: LatencyBench.Caller)] = [
                ("bare put to the slowest node", .bare), ("1 caller of delay", .task),
                ("1 caller on the loop", .taskOnLoop), ("1 caller with a ledger", .taskWithLedger),
                ("1 caller on the loop, with a ledger", .taskOnLoopWithLedger),
            ]
            try await command.options.run(
                "schedule \(jobs) jobs of \(body) bytes, one after the other",
                of: command.copies.subjects(works, reference: works[0].name), against: .ceiling,
                and: command.copies.comparisons(of: works.map(\.name))
            ) { try await bench.measure($0, $1) }
        }
    }
}
