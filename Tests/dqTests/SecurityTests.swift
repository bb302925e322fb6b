import DelayQueue
import DelayQueueTestKit
import Foundation
import Subprocess
import TestSupport
import Testing

@testable import dq

@Suite(.serialized, .timeLimit(.minutes(1))) struct SecurityTests {
    private func withKeyFile<R>(
        _ text: String, permissions: Int = 0o600, _ body: (String) async throws -> R
    ) async throws -> R {
        try await withTemporaryFile(Array(text.utf8)) { path in
            try FileManager.default.setAttributes([.posixPermissions: permissions], ofItemAtPath: path)
            return try await body(path)
        }
    }

    private static let nodes = ["--nodes", "127.0.0.1:1,127.0.0.1:2"]
    private static let secret = "aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnRlcjI="

    // MARK: Keys

    @Test func keysAreMadeAndUsed() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let made = try await [Tool().run("key", "k1"), Tool().run("key"), Tool().run("key", "k1")]
            #expect(made.allSatisfy { $0.status == .exited(0) && $0.lines.count == 1 })
            #expect(Set(made.map(\.output)).count == 3)
            #expect(made[1].output.firstMatch(of: /^\d{4}-\d\d-\d\d:[A-Za-z0-9+\/]{43}=\n$/) != nil)
            try await withKeyFile("# ours\n\n" + made[0].output + made[1].output) { path in
                var tool = Tool(cluster)
                let receipt = try await tool.run("in", "1h", "card 4711", "--keys", path)
                #expect(receipt.errors.isEmpty)
                let revoked = try await tool.run("revoke", try #require(receipt.lines.first))
                #expect(revoked.output == "revoked\n", "which takes no key")
                _ = try await tool.run("in", "0s", "card 4711", "--keys", path, "--seal", "sign")
                let status = try JSONLine(try await tool.run("status", "--json").output)
                // One node has the lead.
                #expect(try status.objects("nodes").count { $0["oldest"] as? String != nil } == 1)
                tool.environment["DQ_KEYS"] = path
                let job = try await tool.run("consume", "--json", "--max", "1")
                #expect(try JSONLine(job.output).text("body") == "card 4711")
            }
        }
    }

    @Test func unsealedJobsRunOnlyWhereAskedFor() async throws {
        try await withLocalCluster(nodes: 2) { cluster in
            let key = try await Tool().run("key", "k1").output
            try await withKeyFile(key) { path in
                let tool = Tool(cluster)
                _ = try await tool.run("in", "0s", "plain")
                let accepted = try await tool.run(
                    "consume", "--keys", path, "--accept-unsealed", "--max", "1", "--json")
                #expect(try JSONLine(accepted.output).text("body") == "plain")
                _ = try await tool.run("in", "0s", "plain body")
                let refused = try await tool.run("consume", "--keys", path, "--until-empty")
                #expect(refused.status == .exited(0))
                #expect(refused.output.isEmpty)
                #expect(refused.errors.contains("could not be verified"))
                #expect(!refused.errors.contains("plain body"))
            }
        }
    }

    @Test(arguments: [
        ("", "has no key"), ("# nothing\n", "has no key"), ("k1", "line 1"), ("\nk1:short\n", "line 2"),
        ("k1:\(secret)\n\(secret):k1", "line 2"), ("k 1:\(secret)", "line 1"), ("k1:\(secret)x", "line 1"),
        ("k1:\(secret)\nk1:\(secret)", "two keys"),
    ])
    func wrongKeysAreNamedByTheirLine(_ text: String, _ problem: String) async throws {
        try await withKeyFile(text) { path in
            let outcome = try await Tool().run(["in", "5s", "x", "--keys", path] + Self.nodes)
            #expect(outcome.status == .exited(64))
            #expect(outcome.errors.contains(problem) && outcome.errors.contains("--keys"), "\(outcome.errors)")
            #expect(!outcome.errors.contains(Self.secret.prefix(12)))
        }
    }

    @Test(arguments: [
        (["--keys", "/nowhere"], "/nowhere"), (["--keys", "/"], "/"), (["--accept-unsealed"], "--keys"),
        (["--tls-ca", "/nowhere"], "/nowhere"), (["--tls", "--tls-cert", "/nowhere"], "--tls-key"),
    ])
    func wrongOptionsAreNamed(_ arguments: [String], _ problem: String) async throws {
        let outcome = try await Tool().run(["consume", "--redis", "redis://h"] + arguments + Self.nodes)
        #expect(outcome.status == .exited(64))
        #expect(outcome.errors.contains(problem), "\(outcome.errors)")
    }

    @Test func readersOfTheKeysAreWarnedOf() async throws {
        try await withKeyFile("k1:\(Self.secret)", permissions: 0o644) { path in
            let outcome = try await Tool().run(["in", "5s", "x", "--keys", path] + Self.nodes)
            #expect(outcome.errors.contains("may read"))
            #expect(!outcome.errors.contains(Self.secret))
        }
        try await withKeyFile("k1:\(Self.secret)") { path in
            let outcome = try await Tool().run(["in", "5s", "x", "--keys", path] + Self.nodes)
            #expect(!outcome.errors.contains("may read"))
        }
    }

    @Test(arguments: [0o660, 0o622, 0o606])
    func keysThatOthersMayChangeAreRefused(_ permissions: Int) async throws {
        try await withKeyFile("k1:\(Self.secret)", permissions: permissions) { path in
            for arguments in [["--keys", path], ["--tls", "--tls-cert", path, "--tls-key", path]] {
                let outcome = try await Tool().run(["in", "5s", "x"] + arguments + Self.nodes)
                #expect(outcome.status == .exited(64))
                #expect(outcome.errors.contains("may be changed by others"), "\(outcome.errors)")
            }
            try await withTemporaryFile([]) { link in
                try FileManager.default.removeItem(atPath: link)
                try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
                let outcome = try await Tool().run(["in", "5s", "x", "--keys", link] + Self.nodes)
                #expect(outcome.errors.contains("may be changed by others"), "\(outcome.errors)")
            }
        }
    }

    @Test(arguments: [
        ("DQ_KEYS", "", "DQ_KEYS is empty"), ("DQ_REDIS", "", "DQ_REDIS is empty"), ("DQ_TUBE", "", "DQ_TUBE is empty"),
        ("DQ_TLS_CA", "", "DQ_TLS_CA is empty"), ("DQ_TLS", "yes", "neither 1 nor 0"),
        ("DQ_REQUIRE_SEALED", "1", "no keys are given"),
    ])
    func protectionThatIsNotThereIsAnError(_ variable: String, _ value: String, _ problem: String) async throws {
        var tool = Tool()
        tool.environment[.init(stringLiteral: variable)] = value
        let outcome = try await tool.run(["in", "5s", "x"] + Self.nodes)
        #expect(outcome.status == .exited(64))
        #expect(outcome.errors.contains(problem), "\(outcome.errors)")
    }

    // MARK: TLS

    @Test func filesForTLSAreOfNoUseInPlainText() async throws {
        try await withTestAuthority { authority in
            let trust = ["--tls-ca", authority.certificateFile]
            for (redis, isRefused) in [("redis://127.0.0.1:1", true), ("rediss://127.0.0.1:1", false)] {
                let outcome = try await Tool().run(["in", "5s", "x", "--redis", redis] + trust + Self.nodes)
                #expect((outcome.status == .exited(64)) == isRefused)
                #expect(outcome.errors.contains("all goes in plain text") == isRefused, "\(outcome.errors)")
            }
            var tool = Tool()
            tool.environment["DQ_TLS"] = "1"
            let outcome = try await tool.run(["in", "5s", "x"] + trust + Self.nodes)
            #expect(outcome.status == .exited(1), "\(outcome.errors)")
        }
    }

    @Test func nodesAndLedgerBehindTLS() async throws {
        try await withTestAuthority { authority in
            let identity = try await authority.identity(for: ["localhost", "127.0.0.1"])
            var redis = RedisOptions()
            redis.password = "hunter2"
            redis.tls = .init(
                certificateFile: identity.certificateFile, keyFile: identity.keyFile, caFile: authority.certificateFile)
            try await withLocalCluster(nodes: 2, redisOptions: redis) { cluster in
                try await withTLSTerminator(to: cluster.nodes[0].port, identity: identity) { first in
                    try await withTLSTerminator(to: cluster.nodes[1].port, identity: identity) { second in
                        var tool = Tool(cluster)
                        tool.environment["DQ_NODES"] = "localhost:\(first.port),\(second.address)"
                        let trust = ["--tls", "--tls-ca", authority.certificateFile]
                        let receipt = try await tool.run(["in", "0s", "x"] + trust)
                        #expect(receipt.status == .exited(0), "\(receipt.errors)")
                        let status = try await tool.run(["status", "--json"] + trust)
                        #expect(try JSONLine(status.output).objects("nodes").allSatisfy { $0["up"] as? Bool == true })
                        let ledger = try #require(try JSONLine(status.output).members["ledger"] as? [String: Any])
                        #expect(ledger["up"] as? Bool == true)
                        #expect(!status.output.contains("hunter2"))
                        let job = try await tool.run(["consume", "--json", "--max", "1"] + trust)
                        #expect(try JSONLine(job.output).text("body") == "x")

                        let distrust = try await tool.run("in", "0s", "x", "--tls", "--verbose")
                        #expect(distrust.status == .exited(1))
                        #expect(!distrust.errors.contains("hunter2"))
                        #expect(
                            distrust.errors.contains(
                                "the server's certificate was refused: no authority that is trusted"),
                            "\(distrust.errors)")
                    }
                }
            }
        }
    }
}
