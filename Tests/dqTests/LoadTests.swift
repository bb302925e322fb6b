import DelayQueueTestKit
import Subprocess
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(4))) struct LoadTests {
    @Test func loadsWhatItCanAndNamesTheRest() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            let big = String(repeating: "b", count: 70_000)
            let file = """
                {"in":"0s","body":"one","id":"1"}
                {"at":"2020-01-01T00:00:00Z","body":"past"}

                {"in":"0s","body":"two","headers":{"k":"v"}}\r
                {"in":"0s","bodyBase64":"/w=="}
                nonsense
                {"in":"0s","body":"\(big)"}
                {"in":"0s","body":"last"}
                """
            try await withTemporaryFile(Array(file.utf8)) { path in
                let loaded = try await tool.run("load", path, "--json")
                #expect(loaded.status == .exited(1))
                let receipts = try loaded.objects()
                #expect(receipts.count == 4)
                #expect(try receipts.first?.text("id") == "1")
                #expect(receipts.allSatisfy { $0.keys == ["receipt", "id", "fireDate", "copies"] })
                for (line, reason) in [(2, "dateInPast"), (6, "not valid JSON"), (7, "bodyTooLarge")] {
                    #expect(
                        loaded.errors.split(separator: "\n").contains {
                            $0.hasPrefix("line \(line): refused: ") && $0.contains(reason)
                        }, "\(loaded.errors)")
                }
                #expect(loaded.errors.contains("4 scheduled, 3 refused"))
            }
            let jobs = try await tool.run("consume", "--json", "--until-empty").objects()
            #expect(Set(jobs.compactMap { $0.members["body"] as? String }) == ["one", "two", "last"])
            #expect(jobs.compactMap { $0.members["bodyBase64"] as? String } == ["/w=="])
        }
    }

    @Test func canBeDoneAgain() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            let count = 1000
            let lines = (0..<count).map { #"{"in":"0s","body":"\#($0)","id":"job-\#($0)"}"# }
            try await withTemporaryFile(Array(lines.joined(separator: "\n").utf8)) { path in
                let first = try await tool.run("load", path)
                #expect(first.status == .exited(0))
                #expect(first.output.hasPrefix("\(count) scheduled, 0 refused in "))
                let second = try await tool.run(
                    ["load", "-"], input: Array((lines.joined(separator: "\n") + "\n").utf8))
                #expect(second.status == .exited(0))
                #expect(second.output.hasPrefix("0 scheduled, 0 refused, \(count) scheduled before in "))
                let consumed = try await tool.run("consume", "--json", "--until-empty")
                let ids = try consumed.objects().map { try $0.text("id") }
                #expect(ids.count == count)
                #expect(Set(ids).count == count)
                let third = try await tool.run("load", path)
                #expect(third.status == .exited(0))
                #expect(third.output.hasPrefix("0 scheduled, 0 refused, \(count) finished before"))
            }
        }
    }

    @Test func stopsWhereNodesAreOutOfReach() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            await cluster.nodes[0].kill()
            let line = #"{"in":"1h","body":"x"}"# + "\n"
            try await withTemporaryFile(Array(String(repeating: line, count: 2000).utf8)) { path in
                let outcome = try await tool.run("load", path)
                #expect(outcome.status == .exited(1))
                #expect(outcome.errors.contains("stopped at line 256"), "\(outcome.errors.suffix(500))")
            }
        }
    }

    @Test func aFileThatIsNotThereIsAnError() async throws {
        var tool = Tool()
        tool.environment["DQ_NODES"] = "127.0.0.1:1,127.0.0.1:2"
        for path in ["/nowhere/jobs.jsonl", "/"] {
            let outcome = try await tool.run("load", path)
            #expect(outcome.status == .exited(1))
            #expect(outcome.errors.contains(path))
        }
    }

    /// Also while it waits for more to read.
    @Test func anInterruptionEndsIt() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            let (_, status) = try await tool.start(["load", "-", "--json"]) { running in
                try await running.write(#"{"in":"1h","body":"x"}"# + "\n")
                let receipt = try #require(try await running.nextLine())
                #expect(try JSONLine(receipt).keys.contains("receipt"))
                try running.signal(.interrupt)
                try await running.untilOutputEnds()
            }
            #expect(status == .exited(130))
        }
    }
}
