import CommandSupport
import DelayQueue
import Subprocess

/// A consumer in a process of its own, as this process sees it.
final class BenchWorker {
    private var lines: SubprocessOutputSequence.StringSequence<UTF8>.AsyncIterator
    private let input: StandardInputWriter

    private init(
        lines: SubprocessOutputSequence.StringSequence<UTF8>.AsyncIterator, input: StandardInputWriter
    ) {
        self.lines = lines
        self.input = input
    }

    /// Lets it take jobs.
    func go() async throws { _ = try await input.write("go\n") }

    /// - Throws: `CommandError` where the process has ended.
    func tell() async throws -> BenchWorkerReport {
        _ = try await input.write("tell\n")
        return try await nextReport()
    }

    /// Ends it in order, with all that it took settled.
    func end() async throws -> BenchWorkerReport {
        try await input.finish()
        return try await nextReport()
    }

    private func nextReport() async throws -> BenchWorkerReport {
        guard let line = try await lines.next() else { throw CommandError("a worker ended unasked") }
        return try BenchWorkerReport(line: line)
    }

    /// Starts processes for the time of `body`, each of which has answered once when `body` begins.
    ///
    /// - Throws: what `body` throws; `CommandError` where a process fails.
    static func with<R: Sendable>(
        _ count: Int, on cluster: BenchCluster, _ body: ([BenchWorker]) async throws -> R
    ) async throws -> R {
        try await open(count, besides: [], on: cluster, body)
    }

    private static func open<R: Sendable>(
        _ count: Int, besides others: [BenchWorker], on cluster: BenchCluster,
        _ body: ([BenchWorker]) async throws -> R
    ) async throws -> R {
        guard others.count < count else { return try await body(others) }
        var options = PlatformOptions()
        // An interruption at the terminal is for this process, which then ends its workers.
        options.processGroupID = 0
        options.teardownSequence = [.send(signal: .terminate, allowedDurationToNextStep: .seconds(3))]
        let configuration = Configuration(
            executable: .path(ThisProgram.executable), arguments: ["worker"],
            environment: .inherit.updating([
                "DQ_NODES": cluster.nodes.map { "\($0.address)" }.joined(separator: ","),
                "DQ_TUBE": "\(cluster.tube)", "DQ_REDIS": cluster.redisURL,
            ]), platformOptions: options)
        let result = try await Subprocess.run(
            configuration, input: .inputWriter, output: .sequence, error: .currentStandardError
        ) { execution in
            let worker = BenchWorker(
                lines: execution.standardOutput.strings().makeAsyncIterator(), input: execution.standardInputWriter)
            _ = try await worker.tell()
            return try await open(count, besides: others + [worker], on: cluster, body)
        }
        return result.closureResult
    }
}
