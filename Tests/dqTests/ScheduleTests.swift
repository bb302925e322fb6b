import Beanstalk
import CommandSupport
import DelayQueue
import DelayQueueTestKit
import Foundation
import Subprocess
import TestSupport
import Testing

@testable import dq

@Suite(.serialized, .timeLimit(.minutes(4))) struct ScheduleTests {
    @Test func whatIsScheduledArrives() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster, tube: "mail")
            // Not UTF-8, with bytes that mean something to protocols and terminals.
            let bytes = Array(0...255 as ClosedRange<UInt8>) + Array("\r\nquit\r\n".utf8)
            let binary = try await tool.run(
                ["in", "0s", "-", "--json", "--id", "binary/1", "--header", "a=1", "--header", "b=x = y"], input: bytes)
            #expect(binary.status == .exited(0))
            let receipt = try JSONLine(binary.output)
            #expect(receipt.keys == ["receipt", "id", "fireDate", "copies"])
            #expect(try receipt.text("id") == "binary/1")
            #expect(try receipt.number("copies") == 2)
            let parsed = try Receipt(parsing: try receipt.text("receipt"))
            #expect(parsed.placements.map(\.node.tube.rawValue) == ["mail", "mail"])

            // Far enough away for a process that starts slowly on a busy machine.
            let date = DateText.string(.now() + .seconds(5))
            let plain = try await tool.run("at", date, "räksmörgås \"1\"\n", "--priority", "high", "--ttr", "12")
            #expect(plain.status == .exited(0), "\(plain)")
            #expect(plain.lines.count == 1)
            _ = try Receipt(parsing: try #require(plain.lines.first))
            let empty = try await tool.run("in", "0.2s", "")
            #expect(empty.status == .exited(0))

            let consumed = try await tool.run("consume", "--json", "--until-empty")
            #expect(consumed.status == .exited(0), "\(consumed)")
            let jobs = try consumed.objects()
            #expect(jobs.count == 3)
            let first = try #require(jobs.first { $0.members["id"] as? String == "binary/1" })
            #expect(first.keys == ["id", "bodyBase64", "attempt", "fireDate", "latenessMs", "headers"])
            #expect(try first.text("bodyBase64") == Data(bytes).base64EncodedString())
            #expect(try first.text("fireDate") == receipt.text("fireDate"))
            #expect(first.members["headers"] as? [String: String] == ["a": "1", "b": "x = y"])
            let second = try #require(jobs.first { $0.members["body"] as? String == "räksmörgås \"1\"\n" })
            #expect(second.keys == ["id", "body", "attempt", "fireDate", "latenessMs"])
            #expect(try second.number("attempt") == 1)
            #expect(try second.number("latenessMs") >= 0)
            #expect(try second.text("fireDate") == date)
            #expect(jobs.contains { $0.members["body"] as? String == "" })
        }
    }

    /// Of two nodes one hangs, and the other one's copy is consumed before the call is over.
    @Test func aRefusedJobThatHasRunIsSaidToHaveRun() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            try await cluster.nodes[1].suspend()
            let (_, status) = try await tool.start(["consume", "--json"]) { running in
                let refused = try await tool.run("in", "0.5s", "pay", "--copies-together")
                #expect(refused.status == .exited(1))
                #expect(refused.errors.contains("the job has run, or runs now: do not schedule it again"), "\(refused)")
                #expect(!refused.errors.contains("may still fire"), "\(refused)")
                let job = try JSONLine(try #require(try await running.nextLine()))
                #expect(try job.text("body") == "pay")
                try running.signal(.terminate)
            }
            #expect(status == .exited(0))
        }
    }

    @Test func goQueueRecordsCarryTimeAndBody() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            let scheduled = try await tool.run("in", "0s", "from swift", "--format", "goqueue", "--json")
            let id = try JSONLine(scheduled.output).text("id")
            #expect(id.count == 32)
            let job = try #require(try await tool.run("consume", "--json", "--max", "1").objects().first)
            #expect(try job.text("id") == id)
            #expect(try job.text("body") == "from swift")
        }
    }

    @Test func pastDatesAreRefusedUnlessAllowed() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            let refused = try await tool.run("at", "2020-01-01T00:00:00Z", "late")
            #expect(refused.status == .exited(1))
            #expect(refused.errors.contains("--allow-past"))
            #expect(refused.output.isEmpty)
            let allowed = try await tool.run("at", "2020-01-01T00:00:00Z", "late", "--allow-past")
            #expect(allowed.status == .exited(0))
            let job = try #require(try await tool.run("consume", "--json", "--max", "1").objects().first)
            #expect(try job.number("latenessMs") < 60_000)
        }
    }

    @Test func worksWithoutLedger() async throws {
        try await withLocalCluster(nodes: 2, redis: false) { cluster in
            let outcome = try await Tool(cluster).run("in", "1h", "x")
            #expect(outcome.status == .exited(0))
        }
    }

    @Test func oneNodeIsTooFew() async throws {
        try await withLocalCluster(nodes: 2, redis: false) { cluster in
            await cluster.nodes[1].kill()
            let outcome = try await Tool(cluster).run("in", "1h", "x")
            #expect(outcome.status == .exited(1))
            #expect(outcome.errors.contains("insufficientCopies"))
            #expect(outcome.errors.contains(cluster.nodes[1].address))
            #expect(outcome.output.isEmpty)
        }
    }

    @Test func aSameIDRunsOnce() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            for _ in 0..<3 {
                let outcome = try await tool.run("in", "0s", "x", "--id", "invoice-42")
                #expect(outcome.status == .exited(0))
            }
            #expect(try await tool.run("consume", "--json", "--until-empty").lines.count == 1)
            let again = try await tool.run("in", "0s", "x", "--id", "invoice-42")
            #expect(again.status == .exited(1))
            #expect(again.errors.contains("jobFinished"))
        }
    }
}
