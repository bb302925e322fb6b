import ArgumentParser
import CommandSupport

@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure what this machine, or your own cluster, can do.",
        discussion: """
            Throughput and latency are measured next to their ceiling: the same commands pushed through bare sockets \
            by a program that does nothing else, in the same run and in turns, so that results are ratios and a \
            noisy machine disturbs both alike. Callers that wait for their job are compared with a second \
            ceiling besides, which has no more jobs under way than they.

            Starts three beanstalkd nodes and a Redis of its own; with --nodes and --redis it runs on those servers, \
            in a tube of its own that it leaves empty.
            """,
        subcommands: [
            BenchProduceCommand.self, BenchConsumeCommand.self, BenchLatencyCommand.self, BenchAccuracyCommand.self,
            BenchIdleCommand.self, BenchMemoryCommand.self, BenchProcessesCommand.self, BenchFlatCommand.self,
            BenchWorkerCommand.self,
        ])

    static func main() async { await runAsProgram() }
}
