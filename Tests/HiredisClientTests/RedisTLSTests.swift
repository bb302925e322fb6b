import Foundation
import HiredisClient
import NIOSSL
import PipelinedTransport
import TestSupport
import Testing

@Suite(.enabled(if: RedisProgram.isAtLeast(6)), .timeLimit(.minutes(4))) struct RedisTLSTests {
    /// Starts a server that speaks TLS only, with a certificate for the names by an authority of its own.
    private func run(
        names: String, _ body: (_ port: Int, _ authority: String) async throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "redis-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        func path(_ name: String) -> String { directory.appending(path: name).path() }
        try await openssl([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=Test Authority",
            "-keyout", path("ca.key"), "-out", path("ca.crt"),
        ])
        try await openssl([
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=server", "-keyout", path("server.key"),
            "-out", path("server.csr"),
        ])
        try "subjectAltName=\(names)\n".write(toFile: path("names"), atomically: true, encoding: .utf8)
        try await openssl([
            "x509", "-req", "-days", "1", "-in", path("server.csr"), "-CA", path("ca.crt"), "-CAkey", path("ca.key"),
            "-CAcreateserial", "-extfile", path("names"), "-out", path("server.crt"),
        ])
        let port = try RedisProcess.freePort()
        let arguments = [
            "--port", "0", "--tls-port", "\(port)", "--tls-cert-file", path("server.crt"),
            "--tls-key-file", path("server.key"), "--tls-ca-cert-file", path("ca.crt"), "--tls-auth-clients", "no",
            "--requirepass", "hunter2",
        ]
        try await RedisProcess.run(arguments, port: port) { _ in try await body(port, path("ca.crt")) }
    }

    private func openssl(_ arguments: [String]) async throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardError = FileHandle.nullDevice
        let (exit, exited) = AsyncStream<Int32>.makeStream()
        process.terminationHandler = { exited.yield($0.terminationStatus) }
        try process.run()
        let status = await exit.first { _ in true }
        try #require(status == 0, "openssl \(arguments.first ?? "")")
    }

    private func trusting(_ authority: String, as name: String?) throws -> ConnectionConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .file(authority)
        var configuration = ConnectionConfiguration()
        configuration.tls = .init(context: try NIOSSLContext(configuration: tls), serverName: name)
        return configuration
    }

    @Test func verifiesTheServer() async throws {
        try await run(names: "DNS:localhost,IP:127.0.0.1") { port, authority in
            for (host, name) in [("localhost", "localhost" as String?), ("127.0.0.1", nil)] {
                let url = "rediss://:hunter2@\(host):\(port)/1"
                let configuration = try trusting(authority, as: try RedisURL(parsing: url).serverName)
                #expect(configuration.tls?.serverName == name)
                try await withClient(url, configuration: configuration) { client in
                    let done = try await client.command("SET", "k", "v")
                    #expect(done == .status("OK"))
                    #expect(try await client.command("GET", "k").string == "v")
                }
            }
        }
    }

    @Test func refusesWhomItCannotVerify() async throws {
        try await run(names: "DNS:localhost") { port, authority in
            for (host, configuration) in [
                // By default only the system's authorities count.
                ("localhost", nil), ("127.0.0.1", nil), ("localhost", ConnectionConfiguration()),
                // The right authority, another server's name or address.
                ("localhost", try trusting(authority, as: "redis.example")),
                ("127.0.0.1", try trusting(authority, as: nil)),
            ] {
                try await withClient("rediss://:hunter2@\(host):\(port)", configuration: configuration) { client in
                    let error = try await client.refusal("PING")
                    #expect(error.transport?.code == .connectFailed, "\(error)")
                    #expect(!error.mayHaveBeenSent)
                    #expect(!"\(error)".contains("hunter2"))
                }
            }
            // Plain text to a port that speaks TLS.
            try await withClient("redis://:hunter2@localhost:\(port)") { client in
                let error = try await client.refusal("PING")
                #expect(!error.mayHaveBeenSent)
            }
        }
    }
}
