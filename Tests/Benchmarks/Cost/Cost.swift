/// What one more job costs.
struct Cost: Codable, Equatable, Sendable {
    /// Of this package and all below it, in user mode.
    var instructions: Double
    var allocations: Double
    /// To all nodes together, reserves left out.
    var nodeCommands: Double
    /// To all nodes together. A reserve may find nothing, so how many there are depends on when replies come.
    var reserves: Double
    /// Scripts called in Redis.
    var ledgerCalls: Double
    /// To and from Redis.
    var ledgerBytes: Double

    struct Figure {
        let name: String
        let path: WritableKeyPath<Cost, Double>
        /// How far a figure may rise above the record before that is a regress: well above what repeats differ by, and
        /// far below what doing things twice costs.
        let tolerance: Double
    }

    /// - Parameter isSteady: for work whose steps do not depend on when replies come; repeats differ by a thousandth.
    static func figures(isSteady: Bool = false) -> [Figure] {
        let ofProgram = isSteady ? 0.05 : 0.15
        return [
            Figure(name: "instructions", path: \.instructions, tolerance: ofProgram),
            Figure(name: "allocations", path: \.allocations, tolerance: ofProgram),
            Figure(name: "nodeCommands", path: \.nodeCommands, tolerance: 0.1),
            Figure(name: "reserves", path: \.reserves, tolerance: 0.5),
            Figure(name: "ledgerCalls", path: \.ledgerCalls, tolerance: 0.1),
            Figure(name: "ledgerBytes", path: \.ledgerBytes, tolerance: 0.1),
        ]
    }

    /// What may be added to any figure: where nothing is recorded, a few commands in a thousand jobs are no regress.
    private static let slack = 0.1

    /// The figures that rose beyond their tolerance.
    func regresses(from record: Cost, isSteady: Bool = false) -> [Figure] {
        Self.figures(isSteady: isSteady).filter { figure in
            self[keyPath: figure.path] > record[keyPath: figure.path] * (1 + figure.tolerance) + Self.slack
        }
    }

    /// The figures that fell so far that the record hides what would be lost.
    func improvements(on record: Cost, isSteady: Bool = false) -> [Figure] {
        Self.figures(isSteady: isSteady).filter { figure in
            self[keyPath: figure.path] < record[keyPath: figure.path] * (1 - figure.tolerance) - Self.slack
        }
    }

    /// For each figure by itself.
    static func median(of costs: [Cost]) -> Cost? {
        guard var median = costs.first else { return nil }
        for figure in figures() {
            let values = costs.map { $0[keyPath: figure.path] }.sorted()
            median[keyPath: figure.path] = values[(values.count - 1) / 2]
        }
        return median
    }
}

/// What was counted of one run, the cost of starting and ending included.
struct RunCount: Sendable {
    var instructions = 0
    var allocations = 0
    var nodeCommands = 0
    var reserves = 0
    var ledgerCalls = 0
    var ledgerBytes = 0

    /// What each of `jobs` more jobs cost: the difference of two runs, in which starting and ending fall out.
    static func cost(of jobs: Int, from few: RunCount, to many: RunCount) -> Cost {
        func share(_ path: KeyPath<RunCount, Int>) -> Double {
            Double(many[keyPath: path] - few[keyPath: path]) / Double(jobs)
        }
        return Cost(
            instructions: share(\.instructions), allocations: share(\.allocations),
            nodeCommands: share(\.nodeCommands), reserves: share(\.reserves), ledgerCalls: share(\.ledgerCalls),
            ledgerBytes: share(\.ledgerBytes))
    }
}
