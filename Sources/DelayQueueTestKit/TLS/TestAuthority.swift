import Foundation
import Subprocess

/// A certificate authority for one test, and what it has signed; made with the program `openssl`.
public struct TestAuthority: Sendable {
    /// A certificate and its private key: PEM files, absolute paths.
    public struct Identity: Sendable {
        public let certificateFile: String
        public let keyFile: String
    }

    private let folder: String

    /// The authority's own certificate: a PEM file, an absolute path.
    public var certificateFile: String { "\(folder)/ca.crt" }

    fileprivate init(folder: String) {
        self.folder = folder
    }

    /// Signs a new certificate for servers or clients, good for a day.
    ///
    /// - Parameter names: host names and IP addresses; none makes a certificate that bears its common name only, as
    ///   certificates did before they had alternative names.
    /// - Parameter commonName: what the certificate calls its owner.
    /// - Throws: ``TestKitError`` with `executableNotFound` or `exitedEarly`.
    public func identity(for names: [String], commonName: String = "test") async throws -> Identity {
        let base = "\(folder)/\(UUID().uuidString)"
        let alternatives = names.map { name in
            name.contains(":") || name.allSatisfy { $0.isNumber || $0 == "." } ? "IP:\(name)" : "DNS:\(name)"
        }
        let extensions = names.isEmpty ? "" : "subjectAltName=\(alternatives.joined(separator: ","))\n"
        try Data(extensions.utf8).write(to: URL(fileURLWithPath: "\(base).names"))
        try await Self.openssl([
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
            "/CN=\(commonName)", "-keyout", "\(base).key", "-out", "\(base).csr",
        ])
        try await Self.openssl([
            "x509", "-req", "-days", "1", "-in", "\(base).csr", "-CA", certificateFile, "-CAkey", "\(folder)/ca.key",
            "-CAcreateserial", "-extfile", "\(base).names", "-out", "\(base).crt",
        ])
        return Identity(certificateFile: "\(base).crt", keyFile: "\(base).key")
    }

    fileprivate func create() async throws {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try await Self.openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
            "-subj", "/CN=Test Authority", "-keyout", "\(folder)/ca.key", "-out", certificateFile,
        ])
    }

    private static func openssl(_ arguments: [String]) async throws {
        let result: ExecutionResult<Void, StringOutput<UTF8>, StringOutput<UTF8>>
        do {
            result = try await Subprocess.run(
                .name("openssl"), arguments: Arguments(arguments), output: .string(limit: 1 << 16),
                error: .string(limit: 1 << 16))
        } catch {
            throw TestKitError(.executableNotFound, "openssl could not be run: \(error)")
        }
        guard result.terminationStatus.isSuccess else {
            throw TestKitError(.exitedEarly, "openssl \(arguments.first ?? ""): \(result.standardError)")
        }
    }
}

/// Makes a certificate authority for the duration of `body`; its files are gone afterwards.
///
/// - Throws: what `body` throws; ``TestKitError`` where the program `openssl` is missing or fails.
public func withTestAuthority<R>(_ body: (TestAuthority) async throws -> R) async throws -> R {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("dq-ca-\(UUID().uuidString)").path
    let authority = TestAuthority(folder: folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await authority.create()
    return try await body(authority)
}
