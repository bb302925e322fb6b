import ArgumentParser
import Foundation

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure what this machine, or your own cluster, can do.",
        discussion: """
            Everything is measured next to its ceiling: the same commands pushed through bare sockets by a program \
            that does nothing else, in the same run and in turns, so that results are ratios and a noisy machine \
            disturbs both alike.

            Starts three beanstalkd nodes and a Redis of its own; with --nodes and --redis it runs on those servers, \
            in a tube of its own that it leaves empty.
            """,
        subcommands: [
            BenchProduceCommand.self, BenchConsumeCommand.self, BenchLatencyCommand.self, BenchAccuracyCommand.self,
        ])
}

struct BenchProduceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "produce", abstract: "Schedule jobs: in one batch, by many callers, by one.")

    @Option(help: ArgumentHelp("Jobs scheduled in each pass.", valueName: "count")) var jobs = 50_000
    @Option(help: ArgumentHelp("Tasks that schedule at the same time.", valueName: "count")) var callers = 64
    @Option(help: ArgumentHelp("The size of each job's body.", valueName: "bytes")) var body = 32
    @OptionGroup var options: BenchOptions

    func validate() throws {
        guard jobs > 0, callers > 0, (0...60_000).contains(body) else {
            throw ValidationError("--jobs and --callers start at 1, --body is 0 to 60000.")
        }
    }

    func run() async throws {
        let command = self
        try await options.withCluster { cluster in
            let bench = ProduceBench(
                cluster: cluster, jobs: command.jobs, callers: command.callers, bodySize: command.body)
            try await command.options.run(
                "schedule \(command.jobs) jobs of \(command.body) bytes", of: bench.subjects.map { ($0, $0) },
                hasCeiling: true
            ) { try await bench.measure($0) }
        }
    }
}

struct BenchConsumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consume", abstract: "Consume jobs that are due: as a stream, in tasks, by handlers.")

    @Option(help: ArgumentHelp("Jobs consumed in each pass.", valueName: "count")) var jobs = 50_000
    @Option(help: ArgumentHelp("Tasks or handlers at the same time.", valueName: "count")) var concurrency = 64
    @Option(help: ArgumentHelp("The size of each job's body.", valueName: "bytes")) var body = 0
    @OptionGroup var options: BenchOptions

    func validate() throws {
        guard jobs > 0, concurrency > 0, (0...60_000).contains(body) else {
            throw ValidationError("--jobs and --concurrency start at 1, --body is 0 to 60000.")
        }
    }

    func run() async throws {
        let command = self
        try await options.withCluster { cluster in
            let bench = ConsumeBench(
                cluster: cluster, jobs: command.jobs, concurrency: command.concurrency, bodySize: command.body)
            try await command.options.run(
                "consume \(command.jobs) jobs of \(command.body) bytes",
                of: ConsumeBench.Form.allCases.map { (bench.name(of: $0), $0) }, hasCeiling: true
            ) { try await bench.measure($0) }
        }
    }
}

struct BenchLatencyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latency", abstract: "Schedule jobs one after the other, and time each call.")

    @Option(help: ArgumentHelp("Jobs scheduled in each pass.", valueName: "count")) var jobs = 2_000
    @Option(help: ArgumentHelp("The size of each job's body.", valueName: "bytes")) var body = 32
    @OptionGroup var options: BenchOptions

    func validate() throws {
        guard jobs > 0, (0...60_000).contains(body) else {
            throw ValidationError("--jobs starts at 1, --body is 0 to 60000.")
        }
    }

    func run() async throws {
        let command = self
        try await options.withCluster { cluster in
            let bench = LatencyBench(cluster: cluster, jobs: command.jobs, bodySize: command.body)
            try await command.options.run(
                "schedule \(command.jobs) jobs of \(command.body) bytes, one after the other",
                of: [("bare put to the slowest node", true), ("1 caller of delay", false)], hasCeiling: true
            ) { try await bench.measure(isCeiling: $0) }
        }
    }
}

struct BenchAccuracyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accuracy", abstract: "Schedule jobs for instants at chance, and see how late each is delivered.")

    @Option(help: ArgumentHelp("Jobs in each pass.", valueName: "count")) var jobs = 500
    @Option(
        help: ArgumentHelp("The time over which they fall due; 20s unless given.", valueName: "duration"),
        transform: { text throws(InvalidText) in try DurationText.parse(text) })
    var over = Duration.seconds(20)
    @OptionGroup var options: BenchOptions

    func validate() throws {
        guard jobs > 0 else { throw ValidationError("--jobs starts at 1.") }
    }

    func run() async throws {
        let command = self
        try await options.withCluster { cluster in
            let bench = AccuracyBench(cluster: cluster, jobs: command.jobs, duration: command.over)
            try await command.options.run(
                "\(command.jobs) jobs over \(command.over.secondsText) s: how late each is delivered",
                of: [("a thread that sleeps", true), ("consumer", false)], hasCeiling: false
            ) { try await bench.measure(isCeiling: $0) }
        }
    }
}

extension BenchOptions {
    /// Measures each subject in turn, round by round, and prints the report.
    func run<Subject>(
        _ title: String, of subjects: [(name: String, subject: Subject)], hasCeiling: Bool,
        measure: (Subject) async throws -> Measurement
    ) async throws {
        var report = BenchReport(title: title, hasCeiling: hasCeiling)
        let subjects = subjects.enumerated().filter { index, subject in
            index == 0 && hasCeiling || only.map { subject.name.contains($0) } ?? true
        }.map(\.element)
        let total = rounds * subjects.count
        for round in 0..<rounds {
            for (index, subject) in subjects.enumerated() {
                let done = round * subjects.count + index
                StandardStream.error.showProgress("\(ProgressBar.text(done, of: total))  \(subject.name)")
                report.add(try await measure(subject.subject), to: subject.name)
            }
        }
        StandardStream.error.endProgress()
        if let plot {
            do {
                try BenchPlot(report: report).svg.write(toFile: plot, atomically: true, encoding: .utf8)
            } catch {
                throw CommandError("\(plot): \(error.localizedDescription)")
            }
        }
        try await StandardStream.output.write(json ? report.json : report.lines.joined(separator: "\n"))
    }
}
