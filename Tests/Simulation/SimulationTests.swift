import Foundation
import Testing

@Suite("Simulation", .timeLimit(.minutes(4)))
struct SimulationTests {
    /// The seed to replay with its history: `DQ_SEED=17 ./dev test --filter Simulation`.
    static let replayedSeed = ProcessInfo.processInfo.environment["DQ_SEED"].flatMap { UInt64($0) }

    @Test(.enabled(if: replayedSeed != nil)) func `one seed, told in full`() throws {
        let seed = try #require(Self.replayedSeed)
        let simulation = Simulation(seed: seed)
        simulation.keepsHistory = true
        do {
            try simulation.run()
            print(simulation.history.joined(separator: "\n"))
        } catch {
            Issue.record("seed \(seed): \(error)\n\(simulation.history.joined(separator: "\n"))")
        }
    }

    @Test(.enabled(if: replayedSeed == nil)) func `no schedule of faults breaks a promise`() async throws {
        let seeds = 1_000
        let lanes = 2
        let deliveries = try await withThrowingTaskGroup(of: Int.self) { group in
            for lane in 0..<lanes {
                group.addTask {
                    var deliveries = 0
                    for seed in stride(from: lane, to: seeds, by: lanes) {
                        let simulation = Simulation(seed: UInt64(seed))
                        do {
                            try simulation.run()
                        } catch {
                            Issue.record("\(error); DQ_SEED=\(seed) replays it")
                        }
                        deliveries += simulation.deliveries
                    }
                    return deliveries
                }
            }
            return try await group.reduce(0, +)
        }
        // Every job runs at least once unless it was revoked; fewer would mean that little was simulated.
        #expect(deliveries > seeds * 4)
    }
}
