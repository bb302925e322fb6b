import DelayQueueTestKit
import Subprocess
import TestSupport
import Testing

@testable import dq

@Suite(.timeLimit(.minutes(4))) struct NodeTests {
    @Test func missingCopiesAreCountedAndThoseOfYoungJobsPassedOver() async throws {
        try await withLocalCluster(nodes: 3) { cluster in
            let tool = Tool(cluster, tube: "mail")
            _ = try await tool.run("in", "1h", "x")
            let well = try await tool.run("node", "check")
            #expect(well.status == .exited(0))
            #expect(well.lines.last == "no copy is missing")

            await cluster.nodes[0].kill()
            try await cluster.nodes[0].restart()
            let check = try await tool.run("node", "check", "--json")
            #expect(check.status == .exited(1))
            let report = try JSONLine(check.output)
            #expect(report.members["missingCopies"] as? Int == 1 && report.members["jobs"] as? Int == 1)
            #expect(
                try report.objects("nodes").map { $0["copies"] as? Int }.sorted { ($0 ?? 0) < ($1 ?? 0) } == [0, 1, 1])
            let repair = try await tool.run("node", "repair")
            #expect(repair.status == .exited(1))
            #expect(repair.lines.contains { $0.hasPrefix("1 were passed over") })
        }
    }

    @Test func aNodeThatIsGoneIsNamed() async throws {
        try await withLocalCluster(nodes: 3) { cluster in
            let tool = Tool(cluster, tube: "mail")
            _ = try await tool.run("in", "1h", "x")
            await cluster.nodes[2].kill()
            let unseen = try await tool.run("node", "repair")
            #expect(unseen.status == .exited(1))
            #expect(unseen.lines.contains { $0.contains("was not looked through") && $0.contains("--without") })
            // Two copies are all that two nodes can have.
            let drained = try await tool.run("node", "drain", cluster.addresses[2])
            #expect(drained.status == .exited(0))
            #expect(drained.lines.last == "no copy is missing")
        }
    }

    @Test(arguments: [
        (["node", "drain", "q9:1"], "none of the nodes"), (["node", "check", "--without", "?"], "none of the nodes"),
        (["node", "repair", "--without", "127.0.0.1:1", "--without", "127.0.0.1:2"], "No node would be left"),
    ])
    func wrongNodesAreRefused(_ words: [String], _ problem: String) async throws {
        var tool = Tool()
        tool.environment["DQ_REDIS"] = "redis://127.0.0.1:1"
        let outcome = try await tool.run(words + ["--nodes", "127.0.0.1:1,127.0.0.1:2"])
        #expect(outcome.status == .exited(64))
        #expect(outcome.errors.contains(problem), "\(outcome.errors)")
    }
}
