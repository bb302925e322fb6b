import ArgumentParser
import CommandSupport
import DelayQueue

struct BenchMemoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memory", abstract: "See how much memory a consumer has while many jobs wait on the nodes.",
        discussion: "--jobs is how many wait, 1000000 unless given; each node needs about 300 MB for as many.")

    @Option(help: ArgumentHelp("Jobs that fall due, and are run, in each pass.", valueName: "count")) var due = 10_000
    @OptionGroup var work: BenchWork
    @OptionGroup var options: BenchOptions

    func validate() throws {
        guard due > 0 else { throw ValidationError("--due is \(due); give at least 1.") }
    }

    func run() async throws {
        let command = self
        let jobs = work.jobs ?? 1_000_000
        let body = work.body ?? 32
        try await options.withCluster { cluster in
            let bench = MemoryBench(cluster: cluster, due: command.due, bodySize: body)
            var passes: [(waiting: Int, passes: [MemoryBench.Pass])] = []
            for waiting in [0, jobs] {
                let ids = try await cluster.fill(delayed: waiting, bodySize: body, mode: .standby) { done in
                    StandardStream.error.showProgress("\(ProgressBar.text(done, of: waiting))  filling")
                }
                var measured: [MemoryBench.Pass] = []
                try await command.options.inTurns([("\(waiting) waiting", bench)]) { _, bench, _ in
                    measured.append(try await bench.measure())
                }
                passes.append((waiting, measured))
                try await cluster.clear(ids)
            }
            try await command.options.show([BenchTable(memory: passes, due: command.due)])
        }
    }
}
