import DelayQueueTestKit

/// One place's process of `dq`, under a supervisor that ends it however the tests end.
struct ToolProcess: Sendable {
    private let process: SupervisedProcess

    /// - Parameter output: the file that standard output is appended to, after a line with `#` and the process's id.
    /// - Parameter log: the file that standard error is appended to.
    /// - Parameter notes: where commands of a consumer note their runs.
    /// - Parameter ledger: a file with the ledger's URL.
    static func open(
        _ slot: Slot, _ arguments: [String], output: String, log: String, notes: String, ledger: String
    ) async throws -> ToolProcess {
        let process = SupervisedProcess()
        do {
            _ = try await process.open(
                name: "chaos",
                command: ["/bin/sh", "-c", script, "\(slot)", output, log, notes, ledger] + arguments)
        } catch {
            await process.close()
            throw error
        }
        return ToolProcess(process: process)
    }

    /// The shell becomes the tool, so that both have one process id.
    private static let script = """
        export CHAOS_CONSUMER="$0/$$" CHAOS_RUNS="$3"
        export DQ_REDIS="$(cat "$4")"
        output=$1 log=$2
        shift 4
        printf '\\n# %s\\n' "$$" >>"$output"
        exec "$@" >>"$output" 2>>"$log"
        """

    /// - Returns: the id of the new process.
    func start() async throws -> Int32? {
        try await process.start()
        return await process.processID
    }

    /// Returns once it has ended; ``status`` tells whether the signal ended it.
    func kill() async {
        await process.signal(.kill)
        await process.waitForExit()
    }

    func terminate() async { await process.signal(.terminate) }

    /// - Returns: false where it had ended already.
    func stop() async -> Bool { await process.signal(.suspend) }

    func goOn() async { await process.signal(.resume) }

    /// The statuses with which its processes end; for one listener.
    var exits: AsyncStream<Int> { process.exits }
    func waitForExit() async { await process.waitForExit() }

    /// The exit code, or 128 and the signal that ended it; nil while it runs.
    var status: Int? {
        get async { await process.processID == nil ? await process.lastStatus : nil }
    }

    func close() async { await process.close() }
}
