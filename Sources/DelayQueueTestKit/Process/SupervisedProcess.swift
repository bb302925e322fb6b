import Subprocess

/// A server process under a supervisor, which ends it however this process ends.
///
/// None of the waits here ends early when its task is cancelled: each is for something the supervisor does within
/// milliseconds, and clean-up relies on them.
package actor SupervisedProcess {
    private let input: AsyncStream<String>
    private let commands: AsyncStream<String>.Continuation
    private var state = SupervisorState()
    private var waiters = ConditionWaiters<SupervisorState, CheckedContinuation<Void, Never>>()

    /// The statuses with which server processes end, as ``lastStatus`` tells them; for one listener. Ends with the
    /// supervisor.
    package nonisolated let exits: AsyncStream<Int>
    private let exited: AsyncStream<Int>.Continuation

    /// Holds the supervisor's input open; awaited by `close`. Where this object goes away unclosed, its `deinit` ends
    /// the input, and the task ends by itself once the supervisor has cleaned up.
    private var supervisor: Task<Void, Never>?

    package init() {
        (input, commands) = AsyncStream.makeStream()
        (exits, exited) = AsyncStream.makeStream()
    }

    deinit {
        commands.finish()
        exited.finish()
    }

    // MARK: Supervisor

    /// Starts the supervisor, which makes the folder; the server is not started yet.
    ///
    /// - Parameter name: part of the folder's name.
    /// - Parameter command: the server's executable, a name or an absolute path, and its arguments.
    /// - Returns: the folder the server will run in.
    package func open(name: String, keepsFolder: Bool = false, command: [String]) async throws(TestKitError) -> String {
        precondition(supervisor == nil, "opened twice")
        var platformOptions = PlatformOptions()
        // Interrupting a test run from the terminal reaches the test process only. The supervisor then sees the end of
        // its input, and cleans up instead of being interrupted itself.
        platformOptions.createSession = true
        let configuration = Configuration(
            executable: .name("sh"),
            arguments: Arguments(
                ["-c", SupervisorScript.launcher, "dq-supervisor", name, keepsFolder ? "keep" : "remove"] + command),
            environment: .inherit.updating([SupervisorScript.variable: SupervisorScript.program]),
            platformOptions: platformOptions)
        let (input, commands) = (input, commands)
        supervisor = Task.detached { [weak self] in
            do {
                try await Self.supervise(configuration, input: input, commands: commands) { [weak self] line in
                    await self?.update { $0.receive(line) }
                }
                await self?.update { $0.close() }
            } catch {
                let problem = SupervisorState.Problem.notSpawned("\(error)")
                await self?.update { $0.close(problem) }
            }
        }
        await until { $0.folder != nil || $0.isClosed }
        if let folder = state.folder, !state.isClosed { return folder }
        throw openingError(executable: command.first ?? "")
    }

    /// Ends the server, if it runs, removes the folder and returns once all of this is done.
    package func close() async {
        commands.finish()
        await supervisor?.value
    }

    private func openingError(executable: String) -> TestKitError {
        switch state.problem {
        case .executableMissing(let searchPath):
            TestKitError(.executableNotFound, "no executable \(executable) in \(searchPath)")
        case .noFolder:
            TestKitError(.supervisorFailed, "no folder could be made for temporary files")
        case .notSpawned(let reason):
            TestKitError(.supervisorFailed, "sh could not be started: \(reason)")
        case nil:
            TestKitError(.supervisorFailed, "the supervisor of \(executable) ended")
        }
    }

    /// Runs the supervisor until it exits: hands it the commands, and its lines to `report`.
    ///
    /// Subprocess starts it with default signal handling and with no descriptor but the standard three, so that it
    /// cannot hold the input of another supervisor open.
    private static func supervise(
        _ configuration: Configuration,
        input: AsyncStream<String>,
        commands: AsyncStream<String>.Continuation,
        report: @escaping @Sendable (String) async -> Void
    ) async throws {
        _ = try await run(configuration, input: .inputWriter, output: .sequence, error: .discarded) { execution in
            let output = execution.standardOutput
            async let reading: Void = {
                // An error while reading means the same as the end of the output: there are no more reports.
                do { for try await line in output.strings() { await report(line) } } catch {}
                commands.finish()
            }()
            for await command in input {
                do { _ = try await execution.standardInputWriter.write(command + "\n") } catch { break }
            }
            try? await execution.standardInputWriter.finish()
            await reading
        }
    }

    // MARK: Server

    package var processID: Int32? { state.processID }
    package var lastStatus: Int? { state.lastStatus }

    /// Starts the server process; it may not answer yet when this returns.
    package func start() async throws(TestKitError) {
        guard state.processID == nil else { throw TestKitError(.alreadyRunning, "the server runs already") }
        guard !state.isClosed else { throw TestKitError(.stopped, "the server was stopped and its folder removed") }
        let count = state.startCount
        commands.yield("start")
        await until { $0.startCount > count || $0.isClosed }
        if state.startCount == count { throw TestKitError(.supervisorFailed, "the supervisor has ended") }
    }

    /// Sends a signal and returns once it was delivered; for a stop or a continuation, once it shows.
    ///
    /// - Returns: false where the server does not run, or ended meanwhile.
    @discardableResult
    package func signal(_ signal: ServerSignal) async -> Bool {
        guard let processID = state.processID else { return false }
        let number = state.sendSignal()
        commands.yield(signal.rawValue)
        await until { $0.answeredSignals >= number }
        return state.processID == processID
    }

    /// Returns once the server process has ended; at once where it does not run.
    package func waitForExit() async {
        let count = state.startCount
        await until { $0.processID == nil || $0.startCount > count }
    }

    private func update(_ change: (inout SupervisorState) -> Void) {
        let wasRunning = state.processID != nil
        change(&state)
        for waiter in waiters.takeSatisfied(by: state) { waiter.resume() }
        if wasRunning, state.processID == nil, let status = state.lastStatus { exited.yield(status) }
        if state.isClosed { exited.finish() }
    }

    private func until(_ condition: @escaping @Sendable (SupervisorState) -> Bool) async {
        guard !condition(state) else { return }
        await withCheckedContinuation { waiter in
            // Looked at again: where the task prefers an executor, getting here is a suspension.
            if condition(state) { waiter.resume() } else { waiters.add(waiter, until: condition) }
        }
    }
}

/// The signals a supervisor passes on.
package enum ServerSignal: String {
    case terminate = "TERM"
    case kill = "KILL"
    case suspend = "STOP"
    case resume = "CONT"
}
