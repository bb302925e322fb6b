import ArgumentParser
import CommandSupport

struct BenchIdleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle", abstract: "Let a consumer wait on an empty queue, and see what that costs.",
        discussion: "On servers that others use too, their commands are counted with those of the consumer.")

    @Option(
        help: ArgumentHelp("How long each pass waits; 90s unless given.", valueName: "duration"),
        transform: { text throws(InvalidText) in try DurationText.parse(text) })
    var over = Duration.seconds(90)
    @OptionGroup var options: BenchOptions

    func run() async throws {
        let command = self
        try await options.withCluster { cluster in
            let bench = IdleBench(cluster: cluster, duration: command.over)
            var passes: [IdleBench.Pass] = []
            try await command.options.inTurns([("idle consumer", bench)]) { _, bench, _ in
                passes.append(try await bench.measure())
            }
            try await command.options.show([BenchTable(idle: passes, over: command.over)])
        }
    }
}
