import CommandSupport
import DelayQueue

/// Measures what a consumer costs while there is nothing to do, in a process of its own.
struct IdleBench: Sendable {
    let cluster: BenchCluster
    let duration: Duration

    /// What one pass saw.
    struct Pass: Sendable {
        /// Of one core, in percent.
        var cpu: Double
        /// A minute, of the node that had the most.
        var nodeCommands: Double
        var nodeCommandNames: [String: Double]
        /// A minute.
        var ledgerCommands: Double
        var ledgerCommandNames: [String: Double]
        var memory: Int
    }

    /// For connections to be made and caches to be filled, which is not idling.
    private static let settling = Duration.seconds(3)

    func measure() async throws -> Pass {
        try await BenchWorker.with(1, on: cluster) { workers in
            for worker in workers { try await worker.go() }
            try await Task.sleep(for: Self.settling)
            let start = ContinuousClock.now
            let before = try await cluster.probe.usage()
            let first = try await reports(of: workers)
            try await Task.sleep(for: duration)
            let last = try await reports(of: workers)
            let after = try await cluster.probe.usage()
            let elapsed = ContinuousClock.now - start
            for worker in workers { _ = try await worker.end() }
            return pass(
                elapsed: elapsed, cpu: last.cpu - first.cpu, memory: last.memory, from: before, to: after)
        }
    }

    private func reports(of workers: [BenchWorker]) async throws -> BenchWorkerReport {
        guard let worker = workers.first else { throw CommandError("no worker was started") }
        return try await worker.tell()
    }

    private func pass(
        elapsed: Duration, cpu: Duration, memory: Int, from before: ServerUsageProbe.Usage,
        to after: ServerUsageProbe.Usage
    ) -> Pass {
        let minutes = elapsed / .seconds(60)
        func aMinute(_ before: [String: Int], _ after: [String: Int]) -> [String: Double] {
            after.reduce(into: [:]) { names, command in
                let count = command.value - (before[command.key] ?? 0)
                if count > 0 { names[command.key] = Double(count) / minutes }
            }
        }
        let nodes = zip(before.nodeCommandCounts, after.nodeCommandCounts).map { aMinute($0, $1) }
        let busiest = nodes.max { $0.values.reduce(0, +) < $1.values.reduce(0, +) } ?? [:]
        let ledger = aMinute(before.ledgerCommandCounts, after.ledgerCommandCounts)
        return Pass(
            cpu: cpu / elapsed * 100, nodeCommands: busiest.values.reduce(0, +), nodeCommandNames: busiest,
            ledgerCommands: ledger.values.reduce(0, +), ledgerCommandNames: ledger, memory: memory)
    }
}

extension BenchTable {
    init(idle passes: [IdleBench.Pass], over duration: Duration) {
        self.init(
            title: "a consumer of an empty queue, for \(duration.secondsText) s",
            columns: [
                Column(heading: "CPU of one core", key: "cpuPercent", decimals: 3, unit: " %"),
                Column(heading: "commands a minute, busiest node", key: "nodeCommandsPerMinute", decimals: 1),
                Column(heading: "ledger commands a minute", key: "ledgerCommandsPerMinute", decimals: 1),
                Column(heading: "RSS", key: "memoryMB", decimals: 1, unit: " MB"),
            ])
        rows = [
            Row(
                name: "consumer",
                values: [
                    BenchReport.median(passes.map(\.cpu)), BenchReport.median(passes.map(\.nodeCommands)),
                    BenchReport.median(passes.map(\.ledgerCommands)),
                    BenchReport.median(passes.map { Double($0.memory) / 1_048_576 }),
                ])
        ]
        for (place, names) in [
            ("a node", passes.map(\.nodeCommandNames)), ("the ledger", passes.map(\.ledgerCommandNames)),
        ] {
            let all = Set(names.flatMap(\.keys)).sorted()
            guard !all.isEmpty else { continue }
            let rates = all.map { name in
                "\(name) \(BenchReport.decimal(BenchReport.median(names.map { $0[name] ?? 0 }), 1))"
            }
            notes.append("to \(place), a minute: \(rates.joined(separator: ", "))")
        }
    }
}
