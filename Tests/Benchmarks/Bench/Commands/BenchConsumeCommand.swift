import ArgumentParser
import DelayQueue

struct BenchConsumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consume", abstract: "Consume jobs that are due: as a stream, in tasks, by handlers.")

    @Option(help: ArgumentHelp("Tasks or handlers at the same time.", valueName: "count")) var concurrency = 64
    @Option(
        help: ArgumentHelp(
            "So many jobs a second instead of a backlog, to a consumer in a process of its own.", valueName: "jobs/s"))
    var rate: Int?
    @OptionGroup var copies: BenchCopies
    @OptionGroup var work: BenchWork
    @OptionGroup var options: BenchOptions

    func validate() throws {
        guard concurrency > 0 else { throw ValidationError("--concurrency is \(concurrency); give at least 1.") }
        if let rate, !(1...100_000).contains(rate) { throw ValidationError("--rate is \(rate); give 1 to 100000.") }
    }

    func run() async throws {
        if let rate { try await run(rate: rate) } else { try await runBacklog() }
    }

    private func run(rate: Int) async throws {
        let command = self
        let body = work.body ?? 0
        let jobs = work.jobs ?? BenchWork.jobs(rate * 20, ofBody: body)
        try await options.withCluster { cluster in
            let bench = PacedBench(cluster: cluster, jobs: jobs, bodySize: body, rate: rate)
            try await command.options.run(
                "consume \(jobs) jobs of \(body) bytes, \(rate) a second, in a process of its own",
                of: command.copies.subjects([(name: "consumer", work: ())], reference: nil), against: nil
            ) { _, mode in try await bench.measure(mode) }
        }
    }

    private func runBacklog() async throws {
        let command = self
        let body = work.body ?? 0
        let jobs = work.jobs ?? BenchWork.jobs(50_000, ofBody: body)
        try await options.withCluster { cluster in
            let bench = ConsumeBench(
                cluster: cluster, jobs: jobs, concurrency: command.concurrency, bodySize: body)
            let works = ConsumeBench.Form.allCases.map { (name: bench.name(of: $0), work: $0) }
            let ceiling = bench.name(of: .ceiling)
            // What standbys are worth is told by what they reach of what was possible without them.
            let old = BenchCopies.name(ceiling, .together)
            let overOld = works.dropFirst().map {
                BenchReport.Comparison(subject: BenchCopies.name($0.name, .standby), other: old)
            }
            try await command.options.run(
                "consume \(jobs) jobs of \(body) bytes", of: command.copies.subjects(works, reference: ceiling),
                against: .ceiling, and: command.copies.comparisons(of: works.map(\.name)) + overOld
            ) { try await bench.measure($0, $1) }
        }
    }
}
