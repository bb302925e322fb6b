import Subprocess
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(4))) struct UsageTests {
    private static let nodes = ["--nodes", "127.0.0.1:1,127.0.0.1:2"]

    @Test(arguments: [
        (["in", "5", "x"] + nodes, "no unit"),
        (["in", "-5s", "x"] + nodes, "'-5s' is no option: no time"),
        (["at", "-5", "x"] + nodes, "'-5'"),
        (["in", "", "x"] + nodes, "empty"),
        (["in", "5s"] + nodes, "<body>"),
        (["in", "5s", "x", "y"] + nodes, "y"),
        (["at", "tomorrow", "x"] + nodes, "the year"),
        (["at", "2026-01-02T03:04:05", "x"] + nodes, "time zone"),
        (["in", "5s", "x"], "--nodes"),
        (["in", "5s", "x", "--nodes", ""], "--nodes"),
        (["in", "5s", "x", "--nodes", "a:1,,b:2"], "--nodes"),
        (["in", "5s", "x", "--nodes", "a:0,b:2"], "a:0"),
        (["in", "5s", "x", "--nodes", "a:65536,b:2"], "a:65536"),
        (["in", "5s", "x", "--nodes", "a b:1,c:2"], "a b:1"),
        (["in", "5s", "x", "--nodes", "a:1\r\n,b:2"], "a:1\\r\\n"),
        (["in", "5s", "x", "--nodes", "http://a:1,b:2"], "http"),
        (["in", "5s", "x", "--nodes", "a:1"], "at least"),
        (["in", "5s", "x", "--nodes", "a:1,a:1"], "more than once"),
        (["in", "5s", "x", "--tube", ""] + nodes, "--tube"),
        (["in", "5s", "x", "--tube", "a b"] + nodes, "--tube"),
        (["in", "5s", "x", "--tube", "a\r\nquit"] + nodes, "--tube"),
        (["in", "5s", "x", "--tube", "-a"] + nodes, "--tube"),
        (["in", "5s", "x", "--tube", "tübe"] + nodes, "--tube"),
        (["in", "5s", "x", "--tube", String(repeating: "a", count: 201)] + nodes, "--tube"),
        (["in", "5s", "x", "--tube", String(repeating: "a", count: 193)] + nodes, "--tube"),
        (["in", "5s", "x", "--tube", "mail.standby"] + nodes, "--tube"),
        (["consume", "--redis", "redis://h", "--tube", "mail.standby"] + nodes, "--tube"),
        (["status", "--tube", "mail.standby"] + nodes, "--tube"),
        (["in", "5s", "x", "--id", ""] + nodes, "job id"),
        (["in", "5s", "x", "--id", "a b"] + nodes, "job id"),
        (["in", "5s", "x", "--id", "a\nb"] + nodes, "job id"),
        (["in", "5s", "x", "--id", String(repeating: "a", count: 201)] + nodes, "job id"),
        (["in", "5s", "x", "--header", "novalue"] + nodes, "--header"),
        (["in", "5s", "x", "--header", "UPPER=1"] + nodes, "UPPER"),
        (["in", "5s", "x", "--header", "a=b\r\nc: d"] + nodes, "header"),
        (["in", "5s", "x", "--priority", "urgent"] + nodes, "urgent"),
        (["in", "5s", "x", "--ttr", "5"] + nodes, "10 to 30"),
        (["in", "5s", "x", "--ttr", "10.5"] + nodes, "10 to 30"),
        (["in", "5s", "x", "--format", "xml"] + nodes, "xml"),
        (["in", "5s", "x", "--format", "goqueue", "--id", "a"] + nodes, "go-queue"),
        (["in", "5s", "x", "--redis", "localhost"] + nodes, "scheme"),
        (["in", "5s", "x", "--redis", "http://localhost"] + nodes, "scheme"),
        (["in", "5s", "x", "--redis", "redis://host:99999"] + nodes, "port"),
        (["in", "5s", "x", "--redis", ""] + nodes, "--redis"),
        (["consume"] + nodes, "No ledger"),
        (["consume", "--redis", "redis://h", "--max", "0"] + nodes, "--max"),
        (["consume", "--redis", "redis://h", "--concurrency", "0"] + nodes, "--concurrency"),
        (["consume", "--redis", "redis://h", "--lease", "soon"] + nodes, "lease"),
        (["consume", "--redis", "redis://h", "--exec", ""] + nodes, "--exec"),
        (["consume", "--redis", "redis://h", "--max-failures", "0"] + nodes, "--max-failures"),
        (["consume", "--redis", "redis://h", "--max-ended-alone", "0"] + nodes, "--max-ended-alone"),
        (["consume", "--redis", "redis://h", "--late-jobs", "run"] + nodes, "late-jobs"),
        (["consume", "--redis", "redis://h", "--foreign-jobs", "discard"] + nodes, "foreign-jobs"),
        (["consume", "--redis", "redis://h", "--at-most-once", "--foreign-jobs", "deliver"] + nodes, "--at-most-once"),
        (["consume", "--redis", "redis://h", "--timestamps"] + nodes, "--timestamps"),
        (["revoke", "dqr2,x"] + nodes, "receipt"),
        (["revoke", ""] + nodes, "receipt"),
        (["status"], "--nodes"),
        (["pause", "--for", "10"] + nodes, "has no unit"),
        (["pause"] + nodes, "No ledger"),
        (["resume"], "--nodes"),
        (["consumers"] + nodes, "No ledger"),
        (["status", "--interval", "0"] + nodes, "--interval"),
        (["load"] + nodes, "<file.jsonl>"),
        (["frobnicate"], "frobnicate"),
    ])
    func wrongUsageIsNamed(_ arguments: [String], _ problem: String) async throws {
        let outcome = try await Tool().run(arguments)
        #expect(outcome.status == .exited(64), "\(outcome)")
        #expect(outcome.errors.contains(problem), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
    }

    @Test func environmentIsNamedWhereItIsWrong() async throws {
        var tool = Tool()
        tool.environment["DQ_NODES"] = "nowhere:x"
        var outcome = try await tool.run("in", "5s", "x")
        #expect(outcome.status == .exited(64))
        #expect(outcome.errors.contains("DQ_NODES"))
        tool.environment["DQ_NODES"] = "a:1,b:2"
        tool.environment["DQ_REDIS"] = "redis://:secret@host:x"
        outcome = try await tool.run("in", "5s", "x")
        #expect(outcome.status == .exited(64))
        #expect(outcome.errors.contains("DQ_REDIS"))
        #expect(!outcome.errors.contains("secret"))
    }

    @Test func versionAndHelpAreNoErrors() async throws {
        let version = try await Tool().run("--version")
        #expect(version.status == .exited(0))
        #expect(version.output.hasPrefix("dq "))
        for command in ["at", "in", "load", "consume", "revoke", "status", "consumers", "pause", "resume", "key"] {
            let help = try await Tool().run(command, "--help")
            #expect(help.status == .exited(0))
            #expect(help.output.contains("USAGE: dq \(command)"))
        }
    }
}
