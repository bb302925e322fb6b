import DelayQueueTestKit
import Subprocess
import TestSupport
import Testing

@testable import dq

@Suite(.serialized, .timeLimit(.minutes(4))) struct StatusTests {
    @Test func showsNodesAndLedger() async throws {
        try await withLocalCluster(nodes: 2, binlog: true) { cluster in
            let tool = Tool(cluster, tube: "mail")
            for delay in ["0s", "1h"] { _ = try await tool.run("in", delay, "x") }
            let outcome = try await tool.run("status", "--json")
            #expect(outcome.status == .exited(0))
            #expect(outcome.lines.count == 1)
            let status = try JSONLine(outcome.output)
            let nodes = try status.objects("nodes")
            #expect(nodes.map { $0["node"] as? String } == cluster.addresses)
            for node in nodes {
                #expect(node["up"] as? Bool == true)
                #expect(node["ready"] as? Int == 1)
                #expect(node["delayed"] as? Int == 1)
                #expect(node["reserved"] as? Int == 0)
                #expect(node["buried"] as? Int == 0)
                #expect(node["binlog"] as? Bool == true)
                #expect((node["version"] as? String)?.isEmpty == false)
                #expect((node["oldest"] as? String)?.hasSuffix("Z") == true)
                #expect((node["next"] as? String)?.hasSuffix("Z") == true)
            }
            let ledger = try #require(status.members["ledger"] as? [String: Any])
            #expect(ledger["up"] as? Bool == true)
            #expect((ledger["memoryUsed"] as? Int ?? 0) > 0)
            #expect(ledger["evictionPolicy"] as? String == "noeviction")

            let table = try await tool.run("status")
            #expect(table.lines.count { $0.hasPrefix("127.0.0.1:") } == 2)
        }
    }

    @Test func warnsOfWhatIsWrong() async throws {
        var options = RedisOptions()
        options.maxMemory = 100 << 20
        options.maxMemoryPolicy = "allkeys-lru"
        try await withLocalCluster(nodes: 2, redisOptions: options) { cluster in
            let tool = Tool(cluster, tube: "mail")
            _ = try await tool.run("in", "1h", "x", "--tube", "other")
            await cluster.nodes[1].kill()
            let outcome = try await tool.run("status", "--json")
            #expect(outcome.status == .exited(0))
            let status = try JSONLine(outcome.output)
            #expect(try status.objects("nodes").map { $0["up"] as? Bool } == [true, false])
            let warnings = try #require(status.members["warnings"] as? [String])
            for part in ["is down", "no binlog", "in others (default, other)", "allkeys-lru", "1 of 2 nodes"] {
                #expect(warnings.contains { $0.contains(part) }, "\(part): \(warnings)")
            }
        }
    }

    @Test func nothingIsReachable() async throws {
        var tool = Tool()
        tool.environment["DQ_NODES"] = "127.0.0.1:1,127.0.0.1:2"
        tool.environment["DQ_REDIS"] = "redis://:secret@127.0.0.1:1"
        let outcome = try await tool.run("status", "--json")
        #expect(outcome.status == .exited(0))
        #expect(!outcome.output.contains("secret"))
        let ledger = try #require(try JSONLine(outcome.output).members["ledger"] as? [String: Any])
        #expect(ledger["up"] as? Bool == false)
    }

    @Test func watchesUntilInterrupted() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let (_, status) = try await Tool(cluster).start(["status", "--watch", "--json", "--interval", "0.1"]) {
                running in
                for _ in 0..<3 { _ = try JSONLine(try #require(try await running.nextLine())) }
                try running.signal(.interrupt)
                try await running.untilOutputEnds()
            }
            #expect(status == .exited(130))
        }
    }

    @Test func readsWhatServersSayOfThemselves() {
        let answer = LedgerStatus.Answer(
            information:
                "# Server\r\nredis_version:7.2.4\r\nvalkey_version:8.0.1\r\n\r\nused_memory:1024\r\nmaxmemory:0\r\n"
                + "maxmemory_policy:noeviction\r\naof_enabled:1\r\nrole:master\r\nodd\r\n")
        #expect(
            answer
                == LedgerStatus.Answer(
                    version: "valkey 8.0.1", memoryUsed: 1024, memoryLimit: 0, evictionPolicy: "noeviction",
                    isAppendOnly: true, role: "master"))
        #expect(LedgerStatus.Answer(information: "").evictionPolicy == nil)
    }
}
