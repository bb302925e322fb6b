import ArgumentParser
import CommandSupport
import DelayQueue
import DelayQueueTestKit

/// What all measurements share.
struct BenchOptions: ParsableArguments {
    @Option(help: ArgumentHelp("How often everything is measured; medians are shown.", valueName: "count"))
    var rounds = 5

    @Option(help: ArgumentHelp("Measure only what has this in its name, beside the ceiling.", valueName: "text"))
    var only: String?

    @Flag(help: "Print the results as a JSON object.")
    var json = false

    @Option(help: ArgumentHelp("Draw the results as an SVG picture.", valueName: "file.svg"))
    var plot: String?

    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
        guard rounds > 0 else { throw ValidationError("--rounds is \(rounds); give at least 1.") }
        guard (cluster.nodes == nil) == (cluster.redis == nil) else {
            throw ValidationError("Give both --nodes and --redis, or neither to have servers started.")
        }
        guard cluster.tube == nil else {
            throw ValidationError("--tube cannot be chosen: measurements use a tube of their own, and leave it empty.")
        }
        if cluster.nodes != nil {
            _ = try cluster.resolvedNodes()
            _ = try cluster.resolvedRedisURL()
        }
    }

    /// Runs a measurement on the user's servers, or on three nodes and a Redis started for it.
    func withCluster(
        nodes: Int = 3, _ body: @escaping @Sendable (BenchCluster) async throws -> Void
    ) async throws {
        let options = self
        try await Interruption.run {
            if let list = options.cluster.nodes, let redisURL = options.cluster.redis {
                let addresses = list.split(separator: ",").map { String($0) }
                try await options.run(on: addresses, redisURL, body)
                return
            }
            StandardStream.error.showProgress("starting servers")
            try await withLocalCluster(nodes: nodes, redis: true) { servers in
                guard let redis = servers.redis else { throw CommandError("no Redis was started") }
                try await options.run(on: servers.addresses, redis.url, body)
            }
        }
    }

    /// Runs a measurement on several clusters at once, each with servers started for it.
    ///
    /// - Parameter nodes: how many nodes each has.
    func withClusters(
        nodes: [Int], _ body: @escaping @Sendable ([BenchCluster]) async throws -> Void
    ) async throws {
        let options = self
        StandardStream.error.showProgress("starting servers")
        try await Interruption.run { try await options.open(nodes[...], besides: [], body) }
    }

    private func open(
        _ nodes: ArraySlice<Int>, besides others: [BenchCluster], _ body: ([BenchCluster]) async throws -> Void
    ) async throws {
        guard let count = nodes.first else { return try await body(others) }
        try await withLocalCluster(nodes: count, redis: true) { servers in
            guard let redis = servers.redis else { throw CommandError("no Redis was started") }
            try await run(on: servers.addresses, redis.url) { cluster in
                try await open(nodes.dropFirst(), besides: others + [cluster], body)
            }
        }
    }

    private func run(
        on addresses: [String], _ redisURL: String, _ body: (BenchCluster) async throws -> Void
    ) async throws {
        let cluster = try BenchCluster(
            addresses: addresses, tube: "dq-bench-\(JobID.random())", redisURL: redisURL,
            logger: cluster.logger(label: "dq.bench"))
        defer { StandardStream.error.endProgress() }
        do {
            try await body(cluster)
        } catch {
            await cluster.close()
            throw error
        }
        await cluster.close()
    }
}
