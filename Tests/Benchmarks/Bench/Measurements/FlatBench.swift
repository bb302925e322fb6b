import CommandSupport
import DelayQueue

/// Measures whether the cost of a job stays the same while something else grows.
struct FlatBench: Sendable {
    enum Dimension: String, CaseIterable, Sendable {
        case queued, nodes, iterators, body

        /// The first is what others are compared with. With two nodes a job has two copies, with more it has three.
        var values: [Int] {
            switch self {
            case .queued: [1_000, 10_000, 100_000, 1_000_000]
            case .nodes: [3, 2, 4, 6, 8, 12]
            case .iterators: [1, 4, 16, 64]
            case .body: [0, 100, 1_000, 10_000, 60_000]
            }
        }

        /// What may be asked for.
        var range: ClosedRange<Int> {
            switch self {
            case .queued: 0...10_000_000
            case .nodes: 2...64
            case .iterators: 1...10_000
            case .body: 0...60_000
            }
        }

        func name(of value: Int) -> String {
            switch self {
            case .queued: "\(value) delayed jobs queued"
            case .nodes: "\(value) nodes"
            case .iterators: value == 1 ? "1 iterator" : "\(value) iterators"
            case .body: "\(value) bytes of body"
            }
        }
    }

    /// One value, and where it is measured.
    struct Point: Sendable {
        var cluster: BenchCluster
        var jobs: Int
        var mode: CopyMode
        var iterators = 1
        var bodySize = 32
    }

    struct Pass: Sendable {
        var produce: Measurement
        var consume: Measurement
    }

    let dimension: Dimension
    let values: [Int]
    let jobs: Int
    let modes: [CopyMode]

    /// How many nodes each cluster must have.
    var clusters: [Int] {
        switch dimension {
        // Filled once and then measured in turns.
        case .queued: values.map { _ in 3 }
        case .nodes: [values.max() ?? 3]
        case .iterators, .body: [3]
        }
    }

    /// What is measured in turns, for each value in each mode.
    ///
    /// - Parameter clusters: as many as `clusters` says.
    func points(
        on clusters: [BenchCluster], progress: (String) -> Void
    ) async throws -> [(name: String, subject: Point)] {
        var points: [(name: String, subject: Point)] = []
        for (index, value) in values.enumerated() {
            var point = Point(cluster: clusters[min(index, clusters.count - 1)], jobs: jobs, mode: modes[0])
            switch dimension {
            case .queued:
                _ = try await point.cluster.fill(
                    delayed: value, bodySize: point.bodySize, mode: point.mode
                ) { done in
                    progress("\(ProgressBar.text(done, of: value))  filling \(value)")
                }
            case .nodes: point.cluster = try point.cluster.first(value)
            case .iterators: point.iterators = value
            case .body:
                point.bodySize = value
                point.jobs = BenchWork.jobs(jobs, ofBody: value)
            }
            for mode in modes {
                point.mode = mode
                points.append((BenchCopies.name(dimension.name(of: value), mode), point))
            }
        }
        return points
    }

    func measure(_ point: Point) async throws -> Pass {
        let produce = ProduceBench(cluster: point.cluster, jobs: point.jobs, callers: 1, bodySize: point.bodySize)
        let consume = ConsumeBench(
            cluster: point.cluster, jobs: point.jobs, concurrency: point.iterators, bodySize: point.bodySize)
        return Pass(
            produce: try await produce.measure(.batch, point.mode),
            consume: try await consume.measure(.shared, point.mode))
    }
}

extension BenchTable {
    /// - Parameter passes: of each point, in the order of the points, a pass for each round.
    /// - Parameter modes: how many modes each value has points of; each is compared with the first of its mode.
    init(flat dimension: FlatBench.Dimension, _ passes: [(name: String, passes: [FlatBench.Pass])], modes: Int) {
        self.init(title: "cost of a job, by \(dimension.rawValue)", columns: [])
        var values: [[Double?]] = passes.map { _ in [] }
        let halves: [(name: String, key: String, path: KeyPath<FlatBench.Pass, Measurement>)] = [
            ("produce", "produce", \.produce), ("consume", "consume", \.consume),
        ]
        for half in halves {
            let figures: [(Column, @Sendable (Measurement) -> Double)] = [
                (Column(heading: "\(half.name) jobs/s", key: "\(half.key)JobsPerSecond", decimals: 0), { $0.rate }),
                (
                    Column(
                        heading: "client CPU", key: "\(half.key)ClientMicroseconds", decimals: 1, unit: " µs",
                        isDrawn: half.key == "consume"),
                    { $0.perJob($0.clientCPU) / .microseconds(1) }
                ),
                (
                    Column(heading: "server CPU", key: "\(half.key)ServerMicroseconds", decimals: 1, unit: " µs"),
                    { $0.perJob($0.serverCPU) / .microseconds(1) }
                ),
            ]
            for (column, figure) in figures {
                columns.append(column)
                columns.append(Column(heading: "ratio", key: column.key + "Ratio", decimals: 2))
                for (index, point) in passes.enumerated() {
                    let first = passes[index % modes].passes.map { figure($0[keyPath: half.path]) }
                    let own = point.passes.map { figure($0[keyPath: half.path]) }
                    values[index] += [
                        BenchReport.median(own), BenchReport.median(zip(own, first).map { $0 / max($1, 1e-9) }),
                    ]
                }
            }
        }
        rows = zip(passes, values).map { Row(name: $0.name, values: $1) }
    }
}
