import Foundation
import PipelinedTransport
import Testing

@testable import DelayQueue
@testable import SimulatedWorld

@Suite("Simulation", .timeLimit(.minutes(4)))
struct SimulationTests {
    /// Hundreds here, unoptimised and with every check on; `./dev simulate` runs the hundred thousand.
    @Test func `no schedule of faults breaks a promise`() async {
        let summary = await Campaign(seeds: 0..<400, lanes: 2).run()
        if let broken = summary.broken {
            Issue.record("seed \(broken.seed): \(broken.violation); ./dev simulate --seed \(broken.seed)")
        }
        // Fewer would mean that little was simulated.
        #expect(summary.deliveries > summary.seeds * 4)
        for fault in Fault.allCases { #expect(summary.faults[fault] > 0, "\(fault) never happened") }
    }

    @Test func `what consumers count comes out even`() throws {
        for seed in UInt64(0)..<200 {
            let world = World(seed: seed)
            try world.run()
            for consumer in world.consumers where consumer.isAlive {
                let jobs = consumer.core.jobs
                #expect(jobs.isEmpty && jobs.nameCount == 0, "seed \(seed)")
                #expect(jobs.counts == PhaseCounts() && jobs.heldCopies.allSatisfy { $0 == 0 }, "seed \(seed)")
            }
        }
    }

    @Test func `what producers remember of ended waits goes with the last answer, or with the connection`() throws {
        for seed in UInt64(0)..<200 {
            let world = World(seed: seed)
            try world.run()
            guard let producer = world.producer, producer.isAlive else { continue }
            #expect(producer.core.isIdle, "seed \(seed)")
            for write in producer.core.lateWrites.values {
                for (node, late) in write.late {
                    let link = producer.links[node]
                    let isDue = late.generation == link.generation && link.connection != nil
                    #expect(!isDue || !link.outstanding.isEmpty, "seed \(seed), node \(node)")
                }
            }
        }
    }

    /// Needs dictionaries that are gone through in the same order each time, as `./dev` has them.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["SWIFT_DETERMINISTIC_HASHING"] != nil))
    func `a seed makes the same history each time`() throws {
        for seed in UInt64(0)..<20 {
            let histories = try (0..<2).map { _ in
                let world = World(seed: seed)
                world.keepsHistory = true
                try world.run()
                return world.history
            }
            #expect(histories[0] == histories[1], "seed \(seed)")
            #expect(histories[0].count > 10)
        }
    }
}
