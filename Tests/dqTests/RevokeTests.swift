import DelayQueueTestKit
import Subprocess
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(4))) struct RevokeTests {
    @Test func aRevokedJobDoesNotRun() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster, tube: "mail")
            let receipt = try #require(try await tool.run("in", "1s", "no").lines.first)
            _ = try await tool.run("in", "1s", "yes")
            let revoked = try await tool.run("revoke", receipt)
            #expect(revoked.status == .exited(0))
            #expect(revoked.lines == ["revoked"])
            // The receipt tells the nodes and the tube.
            var elsewhere = Tool()
            elsewhere.environment["DQ_REDIS"] = cluster.redis?.url
            let again = try await elsewhere.run("revoke", receipt, "--json")
            #expect(try JSONLine(again.output).text("outcome") == "revoked")
            let jobs = try await tool.run("consume", "--json", "--until-empty").objects()
            #expect(try jobs.map { try $0.text("body") } == ["yes"])
        }
    }

    @Test func aJobThatRanIsTooLate() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            let receipt = try #require(try await tool.run("in", "0s", "x").lines.first)
            _ = try await tool.run("consume", "--max", "1")
            let outcome = try await tool.run("revoke", receipt)
            #expect(outcome.status == .exited(1))
            #expect(outcome.lines == ["alreadyDone"])
        }
    }

    @Test func withoutLedgerANodeThatIsDownLeavesItIncomplete() async throws {
        try await withLocalCluster(nodes: 2, redis: false) { cluster in
            let tool = Tool(cluster)
            let receipt = try #require(try await tool.run("in", "1h", "x").lines.first)
            await cluster.nodes[0].kill()
            let outcome = try await tool.run("revoke", receipt)
            #expect(outcome.status == .exited(1))
            #expect(outcome.lines == ["incomplete"])
        }
    }
}
