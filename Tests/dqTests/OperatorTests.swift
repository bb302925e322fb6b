import DelayQueueTestKit
import Foundation
import Subprocess
import TestSupport
import Testing

/// What an operator finds, replays, drops and deletes.
@Suite(.serialized, .timeLimit(.minutes(6))) struct OperatorTests {
    /// Gives up all jobs that are due.
    ///
    /// - Returns: what the command said.
    private func giveUp(_ tool: Tool, count: Int) async throws -> String {
        let consumed = try await tool.run(
            "consume", "--max", "\(count)", "--max-failures", "1", "--exec",
            "echo \"no route to $DQ_JOB_ID\" >&2; exit 3")
        try #require(consumed.status == .exited(0), "\(consumed.errors)")
        return consumed.errors
    }

    private func load(_ lines: [String], with tool: Tool) async throws {
        let outcome = try await tool.run(["load", "-"], input: Array(lines.joined(separator: "\n").utf8))
        try #require(outcome.status == .exited(0), "\(outcome.errors)")
    }

    @Test func jobsAreFoundWhereverTheyAre() async throws {
        try await withLocalCluster(nodes: 3) { cluster in
            let tool = Tool(cluster, tube: "mail")
            let receipt = try #require(
                try await tool.run("in", "1h", "evil \u{1B}[31m", "--header", "job-type=mail").lines.first)
            let id = String(receipt.split(separator: ",")[1])
            let found = try await tool.run("find", id)
            #expect(found.status == .exited(0))
            #expect(found.output.contains("evil \\u{1b}[31m") && !found.output.contains("\u{1B}"))
            for arguments in [
                ["--type", "mail"], ["--header", "job-type=mail"], ["--body", "evil"], ["--due", "..2h"],
            ] {
                let outcome = try await tool.run(["find", "--json"] + arguments)
                let job = try #require(try outcome.objects().first, "\(outcome.errors)")
                #expect(try job.text("id") == id)
                #expect(try Double(job.objects("copies").count) == job.number("declaredCopies"))
                #expect(try job.objects("copies").allSatisfy { $0["state"] as? String == "delayed" })
            }
            #expect(try await tool.run("find", receipt).status == .exited(0))
            let none = try await tool.run("find", "--due", "2h..")
            #expect(none.status == .exited(1) && none.output.isEmpty)
            await cluster.nodes[0].kill()
            let fewer = try await tool.run("find", id)
            #expect(fewer.status == .exited(0))
            #expect(fewer.errors.contains("\(cluster.addresses[0]) was not looked through"))
            for arguments in [
                ["find"], ["find", id, "--type", "x"], ["find", "--due", "x"], ["find", "--due", "2h..1h"],
                ["find", "--header", "x"], ["find", "--body", ""], ["find", "a b"],
            ] {
                #expect(try await tool.run(arguments).status == .exited(64), "\(arguments)")
            }
        }
    }

    @Test func deadJobsAreReplayedAndDroppedByReason() async throws {
        try await withLocalCluster(nodes: 3) { cluster in
            let tool = Tool(cluster)
            try await load(
                (0..<6).map { #"{"id":"j\#($0)","in":"0s","body":"b\#($0)","headers":{"job-type":"t\#($0 % 2)"}}"# },
                with: tool)
            let told = try await giveUp(tool, count: 6)
            let dead = try await tool.run("dead")
            #expect(dead.lines.count == 6, "\(dead.output) \(dead.errors) \(told)")
            #expect(try await tool.run("dead", "list", "--reason", "status 3").lines.count == 6)
            #expect(try await tool.run("dead", "list", "--reason", "status 4").lines.isEmpty)
            #expect(try await tool.run("dead", "list", "--since", "1h").lines.count == 6)
            #expect(try await tool.run("dead", "list", "--until", "1h").lines.isEmpty)
            let reasons = try await tool.run("dead", "list", "--by-reason", "--json").objects()
            #expect(try reasons.map { try $0.number("count") } == [6])
            #expect(try await tool.run("dead", "list", "--type", "t1").lines.count == 3)
            let shown = try await tool.run("dead", "show", "j1")
            #expect(shown.output.contains("body: b1") && shown.output.contains("header job-type: t1"))
            #expect(shown.output.contains("status 3"))
            #expect(try await tool.run("dead", "show", "j9").status == .exited(1))

            let look = try await tool.run("dead", "replay", "--type", "t1", "--dry-run")
            #expect(look.lines.count == 3 && look.status == .exited(0))
            let unasked = try await tool.run("dead", "replay", "--type", "t1")
            #expect(unasked.status == .exited(64) && unasked.errors.contains("--yes"))
            #expect(try await tool.run("dead").lines.count == 6)
            #expect(try await tool.run("dead", "replay").status == .exited(64))
            #expect(try await tool.run("dead", "replay", "j1", "--all").status == .exited(64))
            #expect(try await tool.run("dead", "replay", "--reason", "(", "--yes").status == .exited(64))

            let dropped = try await tool.run("dead", "drop", "--type", "t0", "--yes")
            #expect(
                dropped.status == .exited(0) && dropped.lines.sorted() == ["j0 dropped", "j2 dropped", "j4 dropped"])
            let replayed = try await tool.run("dead", "replay", "--all", "--yes", "--json")
            #expect(replayed.status == .exited(0))
            #expect(try replayed.objects().map { try $0.text("outcome") } == ["replayed", "replayed", "replayed"])
            let again = try await tool.run("dead", "replay", "j1", "j3")
            #expect(again.status == .exited(1))
            #expect(again.lines.sorted() == ["j1 is not dead", "j3 is not dead"])
            let jobs = try await tool.run("consume", "--json", "--until-empty").objects()
            #expect(try Set(jobs.map { try $0.text("body") }) == ["b1", "b3", "b5"])
            #expect(jobs.count == 3)
        }
    }

    @Test func wrongJobsAreDeletedAndOthersStay() async throws {
        try await withLocalCluster(nodes: 3) { cluster in
            let tool = Tool(cluster)
            try await load(
                (0..<300).map { #"{"in":"2s","body":"b\#($0)","headers":{"job-type":"t\#($0 % 3)"}}"# }
                    + [#"{"id":"mine","in":"2s","body":"mine"}"#],
                with: tool)
            let look = try await tool.run("delete", "--type", "t1", "--dry-run")
            #expect(look.lines.count == 100)
            #expect(try await tool.run("delete", "--type", "t1").status == .exited(64))
            #expect(try await tool.run("delete").status == .exited(64))
            let deleted = try await tool.run("delete", "--type", "t1", "--yes")
            #expect(deleted.status == .exited(0), "\(deleted.errors)")
            #expect(deleted.lines.count == 100 && deleted.lines.allSatisfy { $0.hasSuffix(" revoked") })
            let named = try await tool.run("delete", "mine", "nobody's", "--yes")
            #expect(named.status == .exited(1))
            #expect(named.lines == ["mine revoked", "nobody's unknown"])
            let jobs = try await tool.run("consume", "--json", "--until-empty").objects()
            #expect(jobs.count == 200)
            #expect(try jobs.allSatisfy { try $0.text("body") != "mine" })
            #expect(try await tool.run("delete", "--all", "--yes").status == .exited(0))
        }
    }

    @Test func receiptsAreWrittenAndRevokedTogether() async throws {
        try await withLocalCluster(nodes: 3) { cluster in
            let tool = Tool(cluster, tube: "mail")
            let folder = FileManager.default.temporaryDirectory.appending(path: "load-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let (receipts, refused) = (folder.appending(path: "receipts"), folder.appending(path: "refused"))
            let lines =
                (0..<500).map { #"{"in":"1h","body":"b\#($0)"}"# }
                + [#"{"at":"2001-01-01T00:00:00Z","body":"past"}"#, "no job", #"{"id":"mine","in":"1h","body":"x"}"#]
            let loaded = try await tool.run(
                ["load", "-", "--receipts", receipts.path, "--refused", refused.path],
                input: Array(lines.joined(separator: "\n").utf8))
            #expect(loaded.status == .exited(1))
            let written = try String(contentsOf: receipts, encoding: .utf8)
            #expect(written.split(separator: "\n").count == 501)
            #expect(
                try Set(String(contentsOf: refused, encoding: .utf8).split(separator: "\n"))
                    == [#"{"at":"2001-01-01T00:00:00Z","body":"past"}"#, "no job"])
            let again = try await tool.run(["load", "-", "--refused", refused.path])
            #expect(again.status == .exited(1) && again.errors.contains("nothing is overwritten"))

            let sent = written.replacing("\n", with: "\r\n", maxReplacements: 3) + "\nmine\nnot \u{1B} one\ndqr1,cut\n"
            let revoked = try await tool.run(["revoke", "-"], input: Array(sent.utf8))
            #expect(revoked.status == .exited(1))
            #expect(revoked.lines.count == 502 && revoked.lines.allSatisfy { $0.hasSuffix(" revoked") })
            #expect(revoked.errors.contains("line 504: ") && revoked.errors.contains("line 505: this is no receipt"))
            #expect(revoked.errors.contains("502 revoked, 2 not") && !revoked.errors.contains("\u{1B}"))
            // Leads whose numbers no receipt tells go when they are due.
            let left = try await tool.run("find", "--due", "..2h", "--json").objects()
            #expect(try left.allSatisfy { try $0.text("state") == "revoked" })
            let nothing = try await tool.run(["revoke", "-"])
            #expect(nothing.status == .exited(0) && nothing.output.isEmpty)
        }
    }

    @Test func copiesPutAsideAreListed() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let key = try await Tool().run("key", "k1").output
            try await withTemporaryFile(Array(key.utf8)) { path in
                let tool = Tool(cluster)
                _ = try await tool.run("in", "0s", "plain body")
                _ = try await tool.run("consume", "--keys", path, "--until-empty")
                #expect(try await tool.run("dead").output.isEmpty)
                let aside = try await tool.run("aside", "--keys", path)
                #expect(aside.status == .exited(0))
                #expect(aside.lines.count == 2)
                #expect(aside.lines.allSatisfy { $0.contains("unverified") && $0.contains("it is not sealed") })
                let objects = try await tool.run("aside", "--json").objects()
                #expect(try objects.map { try $0.text("kind") } == ["job", "job"])
            }
        }
    }
}
