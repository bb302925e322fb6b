import CommandSupport
import DelayQueueTestKit
import Foundation
import Subprocess
import TestSupport
import Testing

@testable import dq

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// What a process may have open, and how many commands that allows.
@Suite(.serialized, .timeLimit(.minutes(4))) struct ProcessLimitTests {
    @Test func commandsAreAsManyAsTheLimitOfOpenFilesAllows() throws {
        #expect(try DescriptorLimit.commands(wanted: 16, nodes: 3, limit: 1_024) == 16)
        #expect(try DescriptorLimit.commands(wanted: 600, nodes: 3, limit: 1_024) == 486)
        #expect(try DescriptorLimit.commands(wanted: 16, nodes: 3, limit: 54) == 1)
        #expect(throws: CommandError.self) { try DescriptorLimit.commands(wanted: 1, nodes: 3, limit: 53) }
    }

    @Test func withFewOpenFilesEachCommandStillGetsItsWholeBody() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            var tool = Tool(cluster)
            let body = String(repeating: "x", count: 10_000)
            for _ in 0..<20 { _ = try await tool.run("in", "0s", body) }
            tool.script = #"ulimit -n 56 && exec "$@""#
            let outcome = try await tool.run(
                "consume", "--until-empty", "--concurrency", "64", "--exec", "sleep 0.1; wc -c")
            #expect(outcome.status == .exited(0))
            #expect(
                outcome.lines.map { $0.trimmingCharacters(in: .whitespaces) } == Array(repeating: "10000", count: 20))
            #expect(outcome.errors.contains("4 commands run at once, and not 64"))
        }
    }

    @Test func withTooFewOpenFilesNoJobIsTaken() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            var tool = Tool(cluster)
            _ = try await tool.run("in", "0s", "x")
            tool.script = #"ulimit -n 40 && exec "$@""#
            let outcome = try await tool.run("consume", "--until-empty", "--exec", "cat")
            #expect(outcome.status == .exited(1))
            #expect(outcome.errors.contains("ulimit -n") && outcome.output.isEmpty)
            tool.script = nil
            let job = try #require(try await tool.run("consume", "--max", "1", "--json").objects().first)
            #expect(try job.number("attempt") == 1)
        }
    }

    /// Others may be able to: a failure is not the job's.
    @Test func whoCannotStartCommandsGivesJobsBackAndEnds() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            var tool = Tool(cluster)
            for _ in 0..<3 { _ = try await tool.run("in", "0s", "x") }
            tool.environment["TMPDIR"] = "/nonexistent"
            let outcome = try await tool.run("consume", "--until-empty", "--exec", "cat")
            #expect(outcome.status == .exited(1))
            #expect(outcome.errors.contains("commands cannot be started"))
            tool.environment["TMPDIR"] = nil
            let jobs = try await tool.run(
                "consume", "--until-empty", "--max-failures", "1", "--concurrency", "1", "--exec", "cat; echo")
            #expect(jobs.lines == ["x", "x", "x"], "no failure was counted")
        }
    }

    @Test(arguments: ["0", "10001", "100000000"])
    func absurdConcurrencyIsRefused(_ concurrency: String) async throws {
        var tool = Tool()
        tool.environment["DQ_NODES"] = "127.0.0.1:1"
        tool.environment["DQ_REDIS"] = "redis://127.0.0.1:1"
        let outcome = try await tool.run("consume", "--concurrency", concurrency)
        #expect(outcome.status == .exited(64))
        #expect(outcome.errors.contains("--concurrency is \(concurrency); it must be 1 to 10000"))
    }

    @Test func aBodysFileHasNoNameAndIsReadFromItsBeginning() throws {
        let before = try FileManager.default.contentsOfDirectory(atPath: FileManager.default.temporaryDirectory.path)
            .count { $0.hasPrefix("dq-\(ProcessInfo.processInfo.processIdentifier)-") }
        let file = try BodyFile.open(Array("body".utf8))
        defer { try? file.close() }
        let after = try FileManager.default.contentsOfDirectory(atPath: FileManager.default.temporaryDirectory.path)
            .count { $0.hasPrefix("dq-\(ProcessInfo.processInfo.processIdentifier)-") }
        #expect(before == after)
        let bytes = try FileHandle(fileDescriptor: file.rawValue).readToEnd()
        #expect(bytes == Data("body".utf8))
    }
}
