import ArgumentParser

struct BenchProcessesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "processes",
        abstract: "Consume with several processes on one queue, and with one.",
        discussion: "Fails where a job was not delivered exactly once, or where copies are left.")

    @Option(help: ArgumentHelp("How many processes are compared with one.", valueName: "count")) var processes = 4
    @OptionGroup var copies: BenchCopies
    @OptionGroup var work: BenchWork
    @OptionGroup var options: BenchOptions

    func validate() throws {
        guard (2...64).contains(processes) else {
            throw ValidationError("--processes is \(processes); give 2 to 64.")
        }
    }

    func run() async throws {
        let command = self
        let jobs = work.jobs ?? 50_000
        let body = work.body ?? 0
        try await options.withCluster { cluster in
            let bench = ProcessesBench(cluster: cluster, jobs: jobs, bodySize: body)
            let works = [1, command.processes].map { (name: bench.name(of: $0), work: $0) }
            try await command.options.run(
                "consume \(jobs) jobs of \(body) bytes in processes of their own",
                of: command.copies.subjects(works, reference: bench.name(of: 1)), against: .first,
                and: command.copies.comparisons(of: works.map(\.name))
            ) { try await bench.measure(processes: $0, $1) }
        }
    }
}
