/// What was counted of one run, the cost of starting and ending included.
struct RunCount: Sendable {
    var instructions = 0
    var instructionsByFunction: [String: Int] = [:]
    var allocations = 0
    var nodeCommands = 0
    var reserves = 0
    var ledgerCalls = 0
    var ledgerBytes = 0

    /// The least of each: what disturbs a run, such as a wake-up more, adds to its counts and never takes from them.
    static func least(of counts: [RunCount]) -> RunCount {
        func least(_ path: KeyPath<RunCount, Int>) -> Int { counts.map { $0[keyPath: path] }.min() ?? 0 }
        return RunCount(
            instructions: least(\.instructions), allocations: least(\.allocations), nodeCommands: least(\.nodeCommands),
            reserves: least(\.reserves), ledgerCalls: least(\.ledgerCalls), ledgerBytes: least(\.ledgerBytes))
    }

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
