import ArgumentParser

struct BenchConsumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consume", abstract: "Consume jobs that are due: as a stream, in tasks, by handlers.")

    @Option(help: ArgumentHelp("Tasks or handlers at the same time.", valueName: "count")) var concurrency = 64
    @OptionGroup var work: BenchWork
    @OptionGroup var options: BenchOptions

    func validate() throws {
        guard concurrency > 0 else { throw ValidationError("--concurrency is \(concurrency); give at least 1.") }
    }

    func run() async throws {
        let command = self
        let jobs = work.jobs ?? 50_000
        let body = work.body ?? 0
        try await options.withCluster { cluster in
            let bench = ConsumeBench(
                cluster: cluster, jobs: jobs, concurrency: command.concurrency, bodySize: body)
            try await command.options.run(
                "consume \(jobs) jobs of \(body) bytes",
                of: ConsumeBench.Form.allCases.map { (bench.name(of: $0), $0) }, against: .ceiling
            ) { try await bench.measure($0) }
        }
    }
}
