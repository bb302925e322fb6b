import ArgumentParser
import DelayQueue

struct BenchProduceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "produce", abstract: "Schedule jobs: in one batch, by many callers, by one.")

    @Option(help: ArgumentHelp("Tasks that schedule at the same time.", valueName: "count")) var callers = 64
    @OptionGroup var copies: BenchCopies
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
            let works = ProduceBench.Form.allCases.map { (name: bench.name(of: $0), work: $0) }
            let limited = command.copies.modes.flatMap { mode in
                [ProduceBench.Form.callers, .callersOnLoop].map { form in
                    BenchReport.Comparison(
                        subject: BenchCopies.name(bench.name(of: form), mode),
                        other: BenchCopies.name(bench.name(of: .limitedCeiling), mode))
                }
            }
            try await command.options.run(
                "schedule \(jobs) jobs of \(body) bytes",
                of: command.copies.subjects(works, reference: bench.name(of: .ceiling)), against: .ceiling,
                and: command.copies.comparisons(of: works.map(\.name)) + limited
            ) { try await bench.measure($0, $1) }
        }
    }
}
