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
        let ofProgram = isSteady ? 0.05 : 0.1
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
}
