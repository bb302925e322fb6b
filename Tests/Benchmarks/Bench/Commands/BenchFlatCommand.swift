import ArgumentParser
import CommandSupport
import NIOConcurrencyHelpers

struct BenchFlatCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flat",
        abstract: "See whether the cost of a job grows with jobs queued, nodes, iterators or the body.",
        discussion: """
            Each value is measured in turn, and shown next to the first of its table: one batch is scheduled, and then \
            consumed as a stream. Servers are always started for it. A million jobs queued take about 1 GB.
            """)

    @Option(help: ArgumentHelp("What grows: queued, nodes, iterators or body; all of them unless given.")) var vary:
        [FlatBench.Dimension] = []
    @Option(
        help: ArgumentHelp(
            "The values, for one --vary; the first is what others are compared with.", valueName: "n,..."),
        transform: { text in
            try text.split(separator: ",").map { part in
                guard let value = Int(part) else { throw ValidationError("--values: '\(part)' is no whole number.") }
                return value
            }
        })
    var values: [Int] = []
    @OptionGroup var copies: BenchCopies
    @OptionGroup var work: BenchWork
    @OptionGroup var options: BenchOptions

    func validate() throws {
        guard options.cluster.nodes == nil else {
            throw ValidationError("Servers are always started for this: leave --nodes and --redis out.")
        }
        guard work.body == nil else { throw ValidationError("Bodies are what --vary body is for.") }
        guard !values.isEmpty else { return }
        guard vary.count == 1, let dimension = vary.first else {
            throw ValidationError("--values are for one --vary.")
        }
        guard values.allSatisfy(dimension.range.contains) else {
            throw ValidationError(
                "--values of \(dimension.rawValue) are from \(dimension.range.lowerBound) to \(dimension.range.upperBound)."
            )
        }
    }

    func run() async throws {
        var tables: [BenchTable] = []
        for dimension in vary.isEmpty ? FlatBench.Dimension.allCases : vary {
            let bench = FlatBench(
                dimension: dimension, values: values.isEmpty ? dimension.values : values, jobs: work.jobs ?? 20_000,
                modes: copies.modes)
            tables.append(try await table(of: bench))
        }
        try await options.show(tables)
    }

    private func table(of bench: FlatBench) async throws -> BenchTable {
        let collected = NIOLockedValueBox<[(name: String, passes: [FlatBench.Pass])]>([])
        try await options.withClusters(nodes: bench.clusters) { clusters in
            let points = try await bench.points(on: clusters) { StandardStream.error.showProgress($0) }
            var passes: [(name: String, passes: [FlatBench.Pass])] = points.map { ($0.name, []) }
            let numbered = points.enumerated().map { (name: $1.name, subject: ($0, $1.subject)) }
            try await options.inTurns(numbered) { _, subject, _ in
                passes[subject.0].passes.append(try await bench.measure(subject.1))
            }
            // Other clusters close with their servers.
            if bench.dimension == .nodes {
                // Those of a value's modes share theirs.
                for index in stride(from: 0, to: points.count, by: bench.modes.count) {
                    await points[index].subject.cluster.close()
                }
            }
            collected.withLockedValue { $0 = passes }
        }
        return BenchTable(flat: bench.dimension, collected.withLockedValue { $0 }, modes: bench.modes.count)
    }
}

extension FlatBench.Dimension: ExpressibleByArgument {}
