package import DelayQueueTestKit
package import Subprocess

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// Runs a built program of this package as its users do.
package struct Tool: Sendable {
    private let name: String
    /// What the program's environment says of the cluster; nothing by default.
    package var environment: [Environment.Key: String?] = [
        "DQ_NODES": nil, "DQ_TUBE": nil, "DQ_REDIS": nil, "DQ_KEYS": nil, "DQ_TLS_CA": nil,
        "DQ_COPIES_TOGETHER": nil,
    ]

    /// A shell's command that runs the program, which is `"$@"` there; nil runs it without a shell.
    package var script: String?

    package init(_ name: String = "dq") {
        self.name = name
    }

    /// `dq`, for a cluster whose addresses are in the environment.
    package init(_ cluster: LocalCluster, tube: String? = nil) {
        self.init()
        environment["DQ_NODES"] = cluster.addresses.joined(separator: ",")
        environment["DQ_REDIS"] = cluster.redis?.url
        environment["DQ_TUBE"] = tube
    }

    package struct Outcome: Sendable {
        package var status: TerminationStatus
        package var output: String
        package var errors: String

        package var lines: [String] { output.split(separator: "\n").map(String.init) }

        package func objects() throws -> [JSONLine] { try lines.map { try JSONLine($0) } }
    }

    /// Runs the tool to its end.
    package func run(_ arguments: [String], input: [UInt8] = []) async throws -> Outcome {
        let result = try await Subprocess.run(
            try configuration(arguments), input: .array(input), output: .string(limit: 64 << 20),
            error: .string(limit: 1 << 20))
        return Outcome(
            status: result.terminationStatus, output: result.standardOutput, errors: result.standardError)
    }

    package func run(_ arguments: String...) async throws -> Outcome { try await run(arguments) }

    /// Runs the tool alongside a closure, which gets its output line by line and may write to it and signal it.
    ///
    /// - Returns: what the closure returned, and how the tool ended; it is killed where the closure throws.
    package func start<R: Sendable>(
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

    package final class Running {
        private var lines: SubprocessOutputSequence.StringSequence<UTF8>.AsyncIterator
        private let input: StandardInputWriter
        package let signal: @Sendable (Signal) throws -> Void

        init(
            lines: SubprocessOutputSequence.StringSequence<UTF8>.AsyncIterator, input: StandardInputWriter,
            signal: @escaping @Sendable (Signal) throws -> Void
        ) {
            self.lines = lines
            self.input = input
            self.signal = signal
        }

        /// Writes to standard input, which stays open.
        package func write(_ text: String) async throws { _ = try await input.write(text) }

        /// The next line of standard output; nil at its end.
        package func nextLine() async throws -> String? { try await lines.next() }

        /// Waits until standard output has ended.
        package func untilOutputEnds() async throws {
            while try await nextLine() != nil {}
        }
    }

    private func configuration(_ arguments: [String]) throws -> Configuration {
        let program = FilePath(try BuiltProgram.path(name))
        let environment = Environment.inherit.updating(environment)
        guard let script else {
            return Configuration(
                executable: .path(program), arguments: Arguments(arguments), environment: environment)
        }
        return Configuration(
            executable: .path("/bin/sh"),
            arguments: Arguments(["-c", script, "sh", program.string] + arguments),
            environment: environment)
    }
}
