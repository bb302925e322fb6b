import CommandSupport
import Foundation
import Subprocess

/// A `dq consume` in a process of its own.
struct DemoConsumer: Sendable {
    enum Event: Sendable {
        case line(String)
        /// The process ended; nil where it was asked to.
        case ended(TerminationStatus?)
    }

    let cluster: DemoCluster
    let isVerbose: Bool

    /// Runs the process until the stream `stop` ends, and hands on its lines.
    ///
    /// Cancellation ends the process too, but its last lines are lost.
    func run(until stop: AsyncStream<Never>, report: @escaping @Sendable (Event) -> Void) async throws {
        var options = PlatformOptions()
        // An interruption at the terminal is for this process, which then ends the consumers in order.
        options.processGroupID = 0
        options.teardownSequence = [.send(signal: .terminate, allowedDurationToNextStep: .seconds(3))]
        let arguments =
            ["consume", "--json", "--timestamps"] + (isVerbose ? ["--verbose"] : [])
            + cluster.options.security.arguments
        let configuration = Configuration(
            executable: .path(try ThisProgram.neighbour("dq")), arguments: Arguments(arguments),
            environment: .inherit.updating([
                "DQ_NODES": cluster.nodes.joined(separator: ","), "DQ_TUBE": cluster.tube,
                // Not an argument: those are for everybody to see.
                "DQ_REDIS": cluster.redisURL,
            ]), platformOptions: options)
        let status =
            if isVerbose {
                try await Self.run(configuration, error: .currentStandardError, until: stop, report: report)
            } else {
                try await Self.run(configuration, error: .discarded, until: stop, report: report)
            }
        report(.ended(status))
    }

    /// - Returns: how the process ended, unless it was asked to.
    private static func run<ErrorOutput: ErrorOutputProtocol>(
        _ configuration: Configuration, error: ErrorOutput, until stop: AsyncStream<Never>,
        report: @escaping @Sendable (Event) -> Void
    ) async throws -> TerminationStatus? {
        let result = try await Subprocess.run(configuration, input: .none, output: .sequence, error: error) {
            execution in
            let lines = execution.standardOutput.strings(bufferingPolicy: .unbounded)
            return try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    for await _ in stop {}
                    guard !Task.isCancelled else { return false }
                    try? execution.send(signal: .terminate)
                    return true
                }
                for try await line in lines { report(.line(line)) }
                group.cancelAll()
                return try await group.next() ?? false
            }
        }
        return result.closureResult ? nil : result.terminationStatus
    }
}
