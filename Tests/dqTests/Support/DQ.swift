import DelayQueueTestKit
import Foundation
import Subprocess
import Testing

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// Runs the built command-line tool as its users do.
struct Tool: Sendable {
    /// What the tool's environment says of the cluster; nothing by default.
    var environment: [Environment.Key: String?] = [
        "DQ_NODES": nil, "DQ_TUBE": nil, "DQ_REDIS": nil, "DQ_KEYS": nil, "DQ_TLS_CA": nil,
    ]

    init() {}

    /// For a cluster whose addresses are in the environment.
    init(_ cluster: LocalCluster, tube: String? = nil) {
        environment["DQ_NODES"] = cluster.addresses.joined(separator: ",")
        environment["DQ_REDIS"] = cluster.redis?.url
        environment["DQ_TUBE"] = tube
    }

    struct Outcome: Sendable {
        var status: TerminationStatus
        var output: String
        var errors: String

        var lines: [String] { output.split(separator: "\n").map(String.init) }

        func objects() throws -> [JSONLine] { try lines.map { try JSONLine($0) } }
    }

    /// Runs the tool to its end.
    func run(_ arguments: [String], input: [UInt8] = []) async throws -> Outcome {
        let result = try await Subprocess.run(
            try configuration(arguments), input: .array(input), output: .string(limit: 64 << 20),
            error: .string(limit: 1 << 20))
        return Outcome(
            status: result.terminationStatus, output: result.standardOutput, errors: result.standardError)
    }

    func run(_ arguments: String...) async throws -> Outcome { try await run(arguments) }

    /// Runs the tool alongside a closure, which gets its output line by line and may write to it and signal it.
    ///
    /// - Returns: what the closure returned, and how the tool ended; it is killed where the closure throws.
    func start<R: Sendable>(
        _ arguments: [String], _ body: (Running) async throws -> R
    ) async throws -> (R, TerminationStatus) {
        let result = try await Subprocess.run(
            try configuration(arguments), input: .inputWriter, output: .sequence, error: .currentStandardError
        ) { execution in
            let running = Running(
                lines: execution.standardOutput.strings().makeAsyncIterator(),
                input: execution.standardInputWriter, signal: { try execution.send(signal: $0) })
            return try await body(running)
        }
        return (result.closureResult, result.terminationStatus)
    }

    final class Running {
        private var lines: SubprocessOutputSequence.StringSequence<UTF8>.AsyncIterator
        private let input: StandardInputWriter
        let signal: (Signal) throws -> Void

        init(
            lines: SubprocessOutputSequence.StringSequence<UTF8>.AsyncIterator, input: StandardInputWriter,
            signal: @escaping (Signal) throws -> Void
        ) {
            self.lines = lines
            self.input = input
            self.signal = signal
        }

        /// Writes to standard input, which stays open.
        func write(_ text: String) async throws { _ = try await input.write(text) }

        /// The next line of standard output; nil at its end.
        func nextLine() async throws -> String? { try await lines.next() }

        /// Waits until standard output has ended.
        func untilOutputEnds() async throws {
            while try await nextLine() != nil {}
        }
    }

    private func configuration(_ arguments: [String]) throws -> Configuration {
        Configuration(
            executable: .path(FilePath(try Self.executable())), arguments: Arguments(arguments),
            environment: .inherit.updating(environment))
    }

    /// The tool is built into the folder of the tests.
    static func executable() throws -> String {
        let bundles = [Bundle.main] + Bundle.allBundles
        let folders = bundles.flatMap { [$0.bundleURL, $0.bundleURL.deletingLastPathComponent()] }
        let candidates = folders.map { $0.appendingPathComponent("dq").path }
        return try #require(
            candidates.first { FileManager.default.isExecutableFile(atPath: $0) }, "dq was not found in \(candidates)")
    }
}

/// One JSON object of the tool's output.
struct JSONLine {
    let members: [String: Any]

    init(_ line: String) throws {
        members = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    var keys: Set<String> { Set(members.keys) }

    func text(_ name: String) throws -> String { try #require(members[name] as? String, "no text \(name)") }
    func number(_ name: String) throws -> Double {
        try #require((members[name] as? NSNumber)?.doubleValue, "no \(name)")
    }
    func objects(_ name: String) throws -> [[String: Any]] { try #require(members[name] as? [[String: Any]]) }
}

/// A file in a folder of its own that goes away with the closure.
func withTemporaryFile<R>(_ contents: [UInt8], _ body: (String) async throws -> R) async throws -> R {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("dq-tests-\(UUID())").path
    try Data(contents).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}
