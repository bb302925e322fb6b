import DelayQueueTestKit
import Subprocess
import TestSupport
import Testing

/// dq pause, resume and consumers, and what dq status says of them.
@Suite(.serialized, .timeLimit(.minutes(4))) struct PauseCommandTests {
    private func status(_ tool: Tool) async throws -> (status: JSONLine, warnings: [String]) {
        let status = try JSONLine(try await tool.run("status", "--json").output)
        return (status, try #require(status.members["warnings"] as? [String]))
    }

    private func consumers(_ tool: Tool) async throws -> [JSONLine] {
        try await tool.run("consumers", "--json").objects()
    }

    @Test func aPausedQueueIsToldOfUntilItIsResumed() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster, tube: "mail")
            #expect(try await tool.run("resume").output == "the queue was not paused\n")
            let paused = try await tool.run("pause", "--for", "10m", "--why", "new \u{1B}[31mrelay")
            #expect(paused.status == .exited(0) && paused.output.hasPrefix("paused until 2"), "\(paused)")
            let (first, warnings) = try await status(tool)
            let pause = try #require(first.members["pause"] as? [String: Any])
            #expect(pause["why"] as? String == "new \u{1B}[31mrelay")
            #expect((pause["since"] as? String)?.hasSuffix("Z") == true)
            #expect((pause["until"] as? String)?.hasSuffix("Z") == true)
            let by = try #require(pause["by"] as? String)
            #expect(by.contains("@"))
            let warning = try #require(warnings.first { $0.hasPrefix("the queue is paused since") })
            for part in ["until 2", "by \(by)", "relay", "those that fall due wait", "dq resume ends it"] {
                #expect(warning.contains(part), "\(part): \(warning)")
            }
            let table = try await tool.run("status").output
            #expect(table.contains("warning: the queue is paused since") && table.contains("new \\u{1b}[31mrelay"))
            #expect(!table.contains("\u{1B}"))
            // Of another queue nothing is said.
            #expect(try await tool.run("status", "--tube", "other").output.contains("paused") == false)

            #expect(try await tool.run("pause").output == "paused until it is resumed\n")
            #expect(try await status(tool).warnings.contains { $0.contains("until it is resumed") })
            #expect(try await tool.run("resume").output == "resumed\n")
            #expect(try await status(tool).status.members["pause"] is String == false)
            #expect(try await !status(tool).warnings.contains { $0.contains("paused") })
        }
    }

    @Test func consumersAreListedWarnedOfAndGone() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            #expect(try await status(tool).warnings.contains { $0.hasPrefix("the queue has no consumers") })
            let none = try await tool.run("consumers")
            #expect(none.output.isEmpty && none.errors.contains("no consumers"), "\(none)")
            _ = try await tool.start(["consume", "--exec", "sleep 60", "--concurrency", "1", "--lease", "3"]) {
                running in
                while try await consumers(tool).isEmpty {}
                let consumer = try #require(try await consumers(tool).first)
                let version = try await dqVersion(tool)
                #expect(try consumer.text("activity") == "taking" && consumer.text("version") == version)
                #expect(consumer.members["limit"] as? Int == 1 && consumer.members["silent"] as? Bool == false)
                #expect(try await !status(tool).warnings.contains { $0.contains("consumer") })
                _ = try await tool.run("in", "0s", "x")
                while try await !status(tool).warnings.contains(where: {
                    $0.hasPrefix("all consumers are busy (1 of 1")
                }) {}
                let table = try await tool.run("consumers")
                #expect(
                    table.lines.count == 2 && table.lines[0].hasPrefix("process") && table.lines[1].contains("1 of 1"))
                _ = try await tool.run("pause")
                while try await consumers(tool).first?.text("activity") != "paused" {}
                try running.signal(.kill)
                try await running.untilOutputEnds()
            }
            while try await !status(tool).warnings.contains(where: { $0.contains("has been silent since") }) {}
            let (_, warnings) = try await status(tool)
            #expect(warnings.contains { $0.hasPrefix("the queue has no consumers") })
            #expect(try await tool.run("consumers").lines.last?.contains("silent") == true)
        }
    }

    @Test func whoEndsInOrderIsGoneAtOnce() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            _ = try await tool.start(["consume", "--json"]) { running in
                while try await consumers(tool).isEmpty {}
                try running.signal(.terminate)
                try await running.untilOutputEnds()
            }
            #expect(try await consumers(tool).isEmpty)
        }
    }

    private func dqVersion(_ tool: Tool) async throws -> String {
        String(try await tool.run("--version").output.dropFirst("dq ".count).dropLast())
    }
}
