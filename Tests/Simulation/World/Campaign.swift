/// Worlds of many seeds, spread over lanes that run beside each other.
package struct Campaign: Sendable {
    package struct Summary: Sendable {
        package var seeds = 0
        package var deliveries = 0
        package var steps = 0
        package var faults = FaultCount()
        package var duration: Duration = .zero
        /// The lowest seed that broke a promise; lanes stop at their first.
        package var broken: (seed: UInt64, violation: Violation)?

        package var description: String {
            let seconds = duration / .seconds(1)
            let pace = Int(Double(seeds) / max(seconds, 0.001))
            let tenths = Int(seconds * 10)
            return "\(seeds) seeds in \(tenths / 10).\(tenths % 10) s (\(pace) a second), \(steps) events, "
                + "\(deliveries) runs; \(faults.description)"
        }
    }

    private let seeds: Range<UInt64>
    private let lanes: Int

    package init(seeds: Range<UInt64>, lanes: Int) {
        self.seeds = seeds
        self.lanes = lanes
    }

    package func run() async -> Summary {
        let clock = ContinuousClock()
        let begin = clock.now
        var total = await withTaskGroup(of: Summary.self) { group in
            for lane in 0..<UInt64(lanes) {
                group.addTask { runLane(lane) }
            }
            return await group.reduce(into: Summary()) { total, lane in total.add(lane) }
        }
        total.duration = clock.now - begin
        return total
    }

    private func runLane(_ lane: UInt64) -> Summary {
        var summary = Summary()
        for seed in stride(from: seeds.lowerBound + lane, to: seeds.upperBound, by: lanes) {
            let world = World(seed: seed)
            do {
                try world.run()
            } catch {
                summary.broken = (seed, error)
            }
            summary.seeds += 1
            summary.deliveries += world.deliveries
            summary.steps += world.steps
            summary.faults += world.faults
            if summary.broken != nil { break }
        }
        return summary
    }
}

extension Campaign.Summary {
    fileprivate mutating func add(_ lane: Self) {
        seeds += lane.seeds
        deliveries += lane.deliveries
        steps += lane.steps
        faults += lane.faults
        if let next = lane.broken, broken.map({ next.seed < $0.seed }) ?? true { broken = next }
    }
}
