import DelayQueueTestKit
import Subprocess
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(4))) struct KillTests {
    /// The crash that a lease is for: no clean-up runs, and the job must run elsewhere soon.
    @Test func aJobWhoseConsumerIsKilledRunsElsewhereOnceItsLeaseIsOver() async throws {
        try await withLocalCluster(nodes: 3) { cluster in
            let tool = Tool(cluster)
            let lease = Duration.seconds(2)
            let timeToRun = Duration.seconds(10)
            _ = try await tool.run("in", "0s", "invoice 42", "--ttr", "10")
            let (_, ending) = try await tool.start(
                ["consume", "--lease", "2", "--exec", "echo started; exec sleep 20"]
            ) { running in
                #expect(try await running.nextLine()?.contains("started") == true)
                try running.signal(.kill)
                try await running.untilOutputEnds()
            }
            #expect(ending == .signaled(9))
            let killed = ContinuousClock.now
            let outcome = try await tool.run("consume", "--lease", "2", "--max", "1", "--json")
            // Nodes that do not see at once that the consumer is gone may give it the standbys too, two seconds later.
            #expect(ContinuousClock.now - killed < max(lease, timeToRun) + .seconds(2 + 2))
            let job = try #require(try outcome.objects().first)
            #expect(try job.text("body") == "invoice 42")
            #expect(try job.number("attempt") == 2)
        }
    }
}
