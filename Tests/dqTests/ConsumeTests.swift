import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import Logging
import NIOPosix
import Subprocess
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(4))) struct ConsumeTests {
    @Test func endsAfterAsManyJobsAsWanted() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            for index in 0..<5 { _ = try await tool.run("in", "0s", "\(index)") }
            var bodies: [String] = []
            for count in [2, 1] {
                let outcome = try await tool.run("consume", "--json", "--max", "\(count)")
                #expect(outcome.status == .exited(0))
                #expect(outcome.lines.count == count)
                bodies += try outcome.objects().map { try $0.text("body") }
            }
            let rest = try await tool.run("consume", "--json", "--until-empty", "--max", "100").objects()
            bodies += try rest.map { try $0.text("body") }
            #expect(bodies.sorted() == ["0", "1", "2", "3", "4"])
            #expect(rest.count == 2)
        }
    }

    @Test func anEmptyQueueEndsAtOnceAlsoWithANodeDown() async throws {
        try await withLocalCluster(nodes: 3) { cluster in
            let tool = Tool(cluster)
            #expect(try await tool.run("consume", "--until-empty").status == .exited(0))
            _ = try await tool.run("in", "0s", "x")
            await cluster.nodes[2].kill()
            let outcome = try await tool.run("consume", "--json", "--until-empty")
            #expect(outcome.status == .exited(0))
            #expect(outcome.lines.count == 1)
        }
    }

    @Test func atMostOnceAFailedCommandEndsItsJob() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            for index in 0..<3 { _ = try await tool.run("in", "0s", "\(index)") }
            let outcome = try await tool.run(
                "consume", "--json", "--at-most-once", "--exec", "exit 1", "--until-empty")
            #expect(outcome.status == .exited(0))
            #expect(try outcome.objects().map { try $0.number("attempt") } == [1, 1, 1])
        }
    }

    @Test func aJobThatFailsTooOftenIsDeadUntilItIsReplayed() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            _ = try await tool.run("in", "0s", "x", "--id", "a")
            let outcome = try await tool.run(
                "consume", "--json", "--max-failures", "2", "--exec", "exit 1", "--until-empty")
            #expect(outcome.status == .exited(0))
            #expect(outcome.lines.count == 2)
            let nodes = try JSONLine(try await tool.run("status", "--json").output).objects("nodes")
            #expect(nodes.map { $0["dead"] as? Int } == [1, 1])
            #expect(nodes.map { $0["delayed"] as? Int } == [0, 0])
            #expect(nodes.map { $0["standby"] as? Int } == [0, 0])

            let dead = try await tool.run("dead", "--json").objects()
            #expect(dead.count == 1)
            #expect(try dead.map { try $0.text("id") } == ["a"])
            #expect(try dead.map { try $0.number("failures") } == [1])
            #expect(try await tool.run("dead").output.contains("  2 runs  "))

            #expect(try await tool.run("dead", "replay", "a").output == "a replayed\n")
            let again = try await tool.run("dead", "replay", "a", "b")
            #expect(again.status == .exited(1))
            #expect(again.output == "a is not dead\nb is not dead\n")
            let runs = try await tool.run("consume", "--json", "--exec", "true", "--until-empty").objects()
            #expect(try runs.map { try $0.number("attempt") } == [3])
        }
    }

    /// Makes delayed copies of both tubes ready.
    private func kick(_ address: String) async throws {
        let node = try BeanstalkNode(address)
        for tube in CopyTube.allCases {
            let connection = BeanstalkConnection.beanstalk(
                node.address, useTube: node.name(of: tube), eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
                logger: Logger(label: "kick"))
            _ = try await connection.kick(bound: 10)
            await connection.close()
        }
    }

    @Test func aCopyThatStandsByKeepsAQueueFromBeingEmpty() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            _ = try await tool.run("in", "0s", "x")
            // The lead is gone with the node that had it.
            let nodes = try JSONLine(try await tool.run("status", "--json").output).objects("nodes")
            let lead = try #require(nodes.firstIndex { $0["standby"] as? Int == 0 })
            await cluster.nodes[lead].kill()
            let jobs = try await tool.run("consume", "--json", "--until-empty").objects()
            #expect(try jobs.map { try $0.text("body") } == ["x"])
        }
    }

    @Test func aDeadJobThatIsDroppedNeverRuns() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            _ = try await tool.run("in", "0s", "x", "--id", "a")
            _ = try await tool.run("consume", "--max-failures", "1", "--exec", "exit 1", "--until-empty")
            #expect(try await tool.run("dead", "drop", "a").output == "a dropped\n")
            #expect(try await tool.run("dead", "list").output.isEmpty)
            #expect(try await tool.run("dead", "drop", "a").status == .exited(1))
            // Half a day in a moment: the copies ask, and go.
            for address in cluster.addresses { try await kick(address) }
            let runs = try await tool.run("consume", "--json", "--exec", "true", "--until-empty")
            #expect(runs.status == .exited(0))
            #expect(runs.output.isEmpty)
            let nodes = try JSONLine(try await tool.run("status", "--json").output).objects("nodes")
            #expect(nodes.map { $0["delayed"] as? Int } == [0, 0])
            #expect(nodes.map { $0["standby"] as? Int } == [0, 0])
        }
    }

    @Test func linesForPeopleCannotBeBroken() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            _ = try await tool.run("in", "0s", "two\nlines \u{1B}[31m", "--id", "a")
            let outcome = try await tool.run("consume", "--max", "1")
            #expect(outcome.lines.count == 1)
            #expect(outcome.output.hasSuffix(" ms  a  two\\nlines \\u{1b}[31m\n"))
        }
    }

    @Test(arguments: [Signal.interrupt, .terminate, .quit, .terminalClosed])
    func aSignalEndsAnIdleConsumer(_ signal: Signal) async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            _ = try await tool.run("in", "0s", "x")
            let (_, status) = try await tool.start(["consume", "--json"]) { running in
                let line = try #require(try await running.nextLine())
                #expect(try JSONLine(line).text("body") == "x")
                try running.signal(signal)
                try await running.untilOutputEnds()
            }
            #expect(status == .exited(0))
            #expect(try await tool.run("consume", "--json", "--until-empty").lines.isEmpty)
        }
    }

    @Test func aReaderThatLeavesEndsAnIdleConsumer() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            _ = try await tool.run("in", "0s", "x")
            // The pipe is closed when the closure returns; there is nothing more to write.
            let (_, status) = try await tool.start(["consume", "--json"]) { running in
                _ = try #require(try await running.nextLine())
            }
            #expect(status == .exited(0))
            #expect(try await tool.run("consume", "--json", "--until-empty").lines.isEmpty)
        }
    }

    @Test func withoutReaderNoJobIsDone() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            _ = try await tool.run("in", "0s", "x")
            // The inner shell starts the tool once the reader, which opens no pipe itself, has gone.
            let outcome = try await Subprocess.run(
                .name("sh"),
                arguments: ["-c", "{ sleep 0.3; \"$0\" consume; echo $? >&2; } | true", try BuiltProgram.path("dq")],
                environment: .inherit.updating(tool.environment), output: .discarded, error: .string(limit: 65536))
            #expect(outcome.standardError == "0\n")
            let jobs = try await tool.run("consume", "--json", "--until-empty").objects()
            #expect(try jobs.map { try $0.text("body") } == ["x"])
        }
    }

    @Test func aFullDiskLosesNothing() async throws {
        guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            _ = try await tool.run("in", "0s", "precious")
            let full = try await Subprocess.run(
                .name("sh"), arguments: ["-c", "exec \"$0\" consume >/dev/full", try BuiltProgram.path("dq")],
                environment: .inherit.updating(tool.environment), output: .discarded, error: .string(limit: 65536))
            #expect(full.terminationStatus == .exited(1))
            #expect(full.standardError.contains("No space left"))
            let job = try #require(try await tool.run("consume", "--json", "--until-empty").objects().first)
            #expect(try job.text("body") == "precious")
            #expect(try job.number("attempt") == 2)
        }
    }

    @Test func whatIsOutOfReachIsSaid() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            var tool = Tool(cluster)
            await cluster.nodes[1].kill()
            let outcome = try await tool.run("consume", "--until-empty")
            #expect(outcome.status == .exited(0))
            #expect(outcome.errors.contains("node \(cluster.nodes[1].address) does not answer"))
            await cluster.redis?.kill()
            let waiting = try await tool.run("consume", "--until-empty")
            #expect(waiting.errors.contains("the ledger does not answer"))

            try await cluster.redis?.restart()
            let address = try #require(cluster.redis?.address)
            tool.environment["DQ_REDIS"] = "redis://:wrong@\(address)"
            let refused = try await tool.run("consume")
            #expect(refused.status == .exited(1))
            #expect(refused.errors.contains("ledgerMisconfigured"))
            #expect(!refused.errors.contains("wrong@"))
        }
    }
}
