import ArgumentParser
import CommandSupport

struct BenchAccuracyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accuracy", abstract: "Schedule jobs for instants at chance, and see how late each is delivered.")

    @Option(
        help: ArgumentHelp("The time over which they fall due; 20s unless given.", valueName: "duration"),
        transform: { text throws(InvalidText) in try DurationText.parse(text) })
    var over = Duration.seconds(20)
    @OptionGroup var copies: BenchCopies
    @OptionGroup var work: BenchWork
    @OptionGroup var options: BenchOptions

    func run() async throws {
        let command = self
        let jobs = work.jobs ?? 500
        let body = work.body ?? 32
        try await options.withCluster { cluster in
            let bench = AccuracyBench(cluster: cluster, jobs: jobs, bodySize: body, duration: command.over)
            try await command.options.run(
                "\(jobs) jobs over \(command.over.secondsText) s: how late each is delivered",
                of: [BenchSubject(name: "a thread that sleeps", work: nil)]
                    + command.copies.modes.map { BenchSubject(name: BenchCopies.name("consumer", $0), work: $0) },
                against: nil
            ) { try await bench.measure($0) }
        }
    }
}
