import DelayQueue
import DelayQueueTestKit
import TestSupport
import Testing

/// One of two consumers can not reach the ledger, and the other one runs every job.
@Suite(.timeLimit(.minutes(3))) struct CutOffTests {
    private static let lease = Duration.seconds(3)

    @Test(arguments: [Fault.refuse, .stall()])
    func `a consumer that alone is cut off keeps no job from the others`(_ fault: Fault) async throws {
        try await Scenario.run { scenario in
            let redis = try #require(scenario.cluster.redis)
            try await withFaultProxy(to: redis.port) { proxy in
                await proxy.set(fault)
                let ledger = try RedisLedger("redis://\(proxy.address)", logger: Scenario.logger)
                let producer = try scenario.producer()
                let cutOff = try scenario.consumer(ledger: ledger) { $0.timing.lease = Self.lease }
                let healthy = try scenario.consumer { $0.timing.lease = Self.lease }
                try await scenario.closing(producer, cutOff, healthy) {
                    let tally = Tally()
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            try await cutOff.run(concurrency: 8) { _ in
                                Issue.record("a job ran without the ledger's word")
                            }
                        }
                        group.addTask {
                            try await healthy.run(concurrency: 8) { tally.record($0) }
                        }
                        for second in 0..<15 {
                            for tenth in 0..<4 {
                                try await producer.delay(.milliseconds(second * 1000 + tenth * 250), "x")
                            }
                        }
                        try await scenario.eventually { tally.runs.count >= 60 }
                        for run in tally.runs { #expect(run.lateness < Self.lease + .seconds(5)) }
                        await cutOff.finish()
                        await healthy.finish()
                        group.cancelAll()
                    }
                }
                await ledger.close()
            }
        }
    }
}
