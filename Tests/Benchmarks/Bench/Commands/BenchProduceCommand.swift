import ArgumentParser

struct BenchProduceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "produce", abstract: "Schedule jobs: in one batch, by many callers, by one.")

    @Option(help: ArgumentHelp("Tasks that schedule at the same time.", valueName: "count")) var callers = 64
    @OptionGroup var work: BenchWork
    @OptionGroup var options: BenchOptions

    func validate() throws {
        guard callers > 0 else { throw ValidationError("--callers is \(callers); give at least 1.") }
    }

    func run() async throws {
        let command = self
        let jobs = work.jobs ?? 50_000
        let body = work.body ?? 32
        try await options.withCluster { cluster in
            let bench = ProduceBench(
                cluster: cluster, jobs: jobs, callers: command.callers, bodySize: body)
            try await command.options.run(
                "schedule \(jobs) jobs of \(body) bytes", of: bench.subjects.map { ($0, $0) },
                against: .ceiling, and: bench.limited
            ) { try await bench.measure($0) }
        }
    }
}
