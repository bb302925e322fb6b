import DelayQueueTestKit
import Foundation
import Subprocess
import TestSupport
import Testing

/// An id of one's own means one job, whatever the tool is asked.
@Suite(.serialized, .timeLimit(.minutes(4))) struct OwnIDTests {
    @Test func anotherDateOrBodyIsRefusedOrReplaces() async throws {
        try await withLocalCluster(nodes: 3) { cluster in
            let tool = Tool(cluster)
            let first = try await tool.run("in", "1h", "one", "--id", "bill")
            #expect(first.status == .exited(0))
            let second = try await tool.run("in", "4s", "two", "--id", "bill")
            #expect(second.status == .exited(1))
            #expect(second.output.isEmpty)
            #expect(second.errors.contains("idTaken") && second.errors.contains(", due 20"), "\(second.errors)")
            // The same again adds nothing.
            let again = try await tool.run("in", "1h", "one", "--id", "bill", "--json")
            #expect(again.status == .exited(0))
            #expect(try JSONLine(again.output).members["scheduledBefore"] as? Bool == true)
            #expect(try JSONLine(again.output).number("copies") == 0)
            let job = try await tool.run("job", "bill")
            #expect(job.status == .exited(0) && job.output.hasPrefix("waiting 20"), "\(job)")
            // Nearer, then farther, then nearer again.
            for (delay, body) in [("2s", "three"), ("2h", "four"), ("1s", "five")] {
                let moved = try await tool.run("in", delay, body, "--id", "bill", "--replace")
                #expect(moved.status == .exited(0), "\(moved)")
            }
            _ = try await tool.run("in", "3s", "end")
            let jobs = try await tool.run("consume", "--json", "--max", "2").objects()
            #expect(try jobs.map { try $0.text("body") } == ["five", "end"])
            #expect(try await tool.run("job", "bill").output == "done\n")
            #expect(try await tool.run("in", "1s", "six", "--id", "bill", "--replace").errors.contains("jobFinished"))
            // What the first receipt means was replaced long ago.
            let revoked = try await tool.run("revoke", try #require(first.lines.first))
            #expect(revoked.lines == ["revoked"])
            #expect(try await tool.run("job", "bill").output == "done\n")
        }
    }

    @Test func theIDOfAJobThatRunsIsRefused() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let tool = Tool(cluster)
            _ = try await tool.run("in", "0s", "x", "--id", "nightly")
            // The command schedules its own id anew.
            let again = """
                export DQ_REDIS="$LEDGER"; "$DQ" in 3s x --id nightly; "$DQ" in 3s y --id nightly --replace
                "$DQ" job nightly
                """
            var worker = tool
            worker.environment["DQ"] = try BuiltProgram.path("dq")
            // With a password in it that is no command's business, unless it is told otherwise.
            worker.environment["LEDGER"] = try #require(cluster.redis?.url)
            let outcome = try await worker.run("consume", "--until-empty", "--exec", "{ \(again); } 2>&1; exit 0")
            let said = outcome.output + outcome.errors
            #expect(said.components(separatedBy: "idTaken").count == 3, "\(outcome)")
            #expect(said.contains("running"), "\(outcome)")
        }
    }

    @Test func loadingAgainAddsNothing() async throws {
        try await withLocalCluster(nodes: 3) { cluster in
            let tool = Tool(cluster)
            let lines = (0..<300).map { #"{"in":"6s","body":"\#($0)","id":"job-\#($0)"}"# }
            let input = Array((lines.joined(separator: "\n") + "\n").utf8)
            let first = try await tool.run(["load", "-"], input: input)
            #expect(first.output.hasPrefix("300 scheduled, 0 refused in "), "\(first)")
            let copies = try await tool.run("status", "--json").output
            let second = try await tool.run(["load", "-"], input: input)
            #expect(second.status == .exited(0))
            #expect(second.output.hasPrefix("0 scheduled, 0 refused, 300 scheduled before in "), "\(second)")
            #expect(try await Self.delayed(tool) == 900, "\(copies)")
            // Another body is another job, and the file is told apart line by line.
            let other = try await tool.run(
                ["load", "-"], input: Array((lines[0].replacingOccurrences(of: #""0""#, with: #""zero""#) + "\n").utf8))
            #expect(other.status == .exited(1))
            #expect(other.errors.contains("line 1: refused: ") && other.errors.contains("idTaken"), "\(other)")
            let revoked = try await tool.run("revoke", "--id", "job-7")
            #expect(revoked.lines == ["revoked"])
            #expect(try await tool.run("revoke", "--id", "job-x").lines == ["unknown"])
            let jobs = try await tool.run("consume", "--json", "--until-empty").objects()
            #expect(Set(try jobs.map { try $0.text("id") }).count == 299 && jobs.count == 299)
            let third = try await tool.run(["load", "-"], input: input)
            #expect(third.output.hasPrefix("0 scheduled, 0 refused, 300 finished before in "), "\(third)")
        }
    }

    /// How many copies wait on all nodes.
    private static func delayed(_ tool: Tool) async throws -> Int {
        let text = try await tool.run("status", "--json").output
        let pattern = try Regex(#""(?:delayed|standby)":(\d+)"#, as: (Substring, Substring).self)
        return text.matches(of: pattern).reduce(0) { $0 + (Int($1.output.1) ?? 0) }
    }

    @Test func withoutALedgerNothingIsKnown() async throws {
        try await withLocalCluster(nodes: 2, redis: false) { cluster in
            let tool = Tool(cluster)
            for (arguments, word) in [
                (["in", "1h", "x", "--id", "a", "--replace"], "ledger"), (["job", "a"], "--redis is missing"),
                (["revoke", "--id", "a"], "--redis"), (["in", "1h", "x", "--replace"], "--id"),
            ] {
                let outcome = try await tool.run(arguments)
                #expect(outcome.errors.contains(word) && outcome.status != .exited(0), "\(arguments): \(outcome)")
            }
        }
    }
}
