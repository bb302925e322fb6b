import DelayQueueTestKit
import Subprocess
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(4))) struct DemoTests {
    @Test func runsOnServersOfItsOwn() async throws {
        let outcome = try await Tool("demo").run("--json")
        #expect(outcome.status == .exited(0), "\(outcome)")
        let result = try JSONLine(outcome.output)
        #expect(try result.number("scheduled") == 300)
        #expect(try result.number("delivered") == 300)
        for fault in ["duplicates", "early", "lost", "damaged", "unexpected", "refused"] {
            #expect(try result.number(fault) == 0)
        }
        let copies = try #require(result.members["copies"] as? [String: Int])
        #expect(copies.count == 3)
        #expect(copies.keys.contains(try result.text("stoppedNode")))
        #expect(copies.values.reduce(0, +) >= 600)
    }

    @Test func takesAFileToGivenServers() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let redis = try #require(cluster.redis)
            // Made a while ago: all dates are moved.
            let file = """
                {"at":"2024-01-01T00:00:00Z","body":"a"}
                {"at":"2024-01-01T00:00:00.5Z","body":"b\\n\\"c\\"","id":"b"}
                """
            try await withTemporaryFile(Array(file.utf8)) { path in
                let servers = ["--nodes", cluster.addresses.joined(separator: ","), "--redis", redis.url]
                let outcome = try await Tool("demo").run(["--json", "--file", path] + servers)
                #expect(outcome.status == .exited(0), "\(outcome)")
                #expect(outcome.errors.contains("moved"))
                #expect(try JSONLine(outcome.output).number("delivered") == 2)
                for node in cluster.nodes { #expect(await node.isRunning) }

                try await withTemporaryFile(Array("nonsense\n".utf8)) { path in
                    let refused = try await Tool("demo").run(["--json", "--file", path] + servers)
                    #expect(refused.status == .exited(1))
                }
            }
        }
    }

    @Test func anInterruptionEndsItsConsumers() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let redis = try #require(cluster.redis)
            try await withTemporaryFile(Array(#"{"in":"1h","body":"a"}"#.utf8)) { path in
                let arguments = [
                    "--file", path, "--nodes", cluster.addresses.joined(separator: ","), "--redis", redis.url,
                    "--tube", "demo",
                ]
                let (_, status) = try await Tool("demo").start(arguments) { demo in
                    let watching = ["status", "--watch", "--json", "--interval", "0.1"]
                    _ = try await Tool(cluster, tube: "demo").start(watching) { watch in
                        while try await Self.consumers(watch) < 4 {}
                        try demo.signal(.interrupt)
                        try await demo.untilOutputEnds()
                        while try await Self.consumers(watch) > 0 {}
                        try watch.signal(.interrupt)
                    }
                }
                #expect(status == .exited(130))
            }
        }
    }

    @Test(arguments: [["--redis", "redis://h"], ["--tls"]]) func wrongUsageIsNamed(_ arguments: [String]) async throws {
        let outcome = try await Tool("demo").run(arguments)
        #expect(outcome.status == .exited(64), "\(outcome)")
        #expect(outcome.errors.contains("--nodes"), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
    }

    /// How many consumers the next look at the nodes finds, all nodes together.
    private static func consumers(_ watch: Tool.Running) async throws -> Int {
        let line = try #require(try await watch.nextLine())
        return try JSONLine(line).objects("nodes").reduce(0) { $0 + ($1["consumers"] as? Int ?? 0) }
    }
}
