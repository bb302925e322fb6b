/// Where one consumer runs, and after its end the next.
actor ConsumerPlace {
    let slot: Slot
    private let tool: ToolProcess
    private let chronicle: Chronicle
    private var current: ProcessName?

    init(_ index: Int, world: ConsumerSettings, chronicle: Chronicle) async throws {
        slot = .consumer(index)
        self.chronicle = chronicle
        tool = try await ToolProcess.open(
            slot, world.arguments(index), output: world.folder.file("\(slot).out"),
            log: world.folder.file("\(slot).log"), notes: world.folder.file(ConsumerSettings.notes))
    }

    /// Does nothing where a process runs.
    func start() async throws {
        guard try await lookAfter() == nil else { return }
        try await begin()
    }

    private func begin() async throws {
        let time = Instant.now()
        guard let id = try await tool.start() else { return }
        let process = ProcessName(slot: slot, id: id)
        current = process
        await chronicle.born(process, at: time)
    }

    /// Kills it.
    ///
    /// - Returns: which process that was; nil where none ran.
    func kill() async throws -> ProcessName? {
        guard let process = try await lookAfter() else { return nil }
        let time = Instant.now()
        await tool.kill()
        let status = await tool.status
        // 128 and SIGKILL; else it had ended just before.
        await end(status == 137 ? .killed(time) : .byItself(status: status))
        return process
    }

    /// Asks it to end, and waits until it has.
    func terminate() async throws -> ProcessName? {
        guard let process = try await lookAfter() else { return nil }
        let time = Instant.now()
        await tool.terminate()
        await tool.waitForExit()
        let status = await tool.status
        // 128 and SIGTERM: it ended in order.
        await end(status == 143 ? .asked(time) : .byItself(status: status))
        return process
    }

    func stop() async throws -> ProcessName? {
        guard let process = try await lookAfter() else { return nil }
        return await tool.stop() ? process : nil
    }

    func goOn() async { await tool.goOn() }

    /// Notices a process that ended although nobody had ended it, and replaces it.
    ///
    /// - Returns: the process that runs.
    func lookAfter() async throws -> ProcessName? {
        guard current != nil, let status = await tool.status else { return current }
        await end(.byItself(status: status))
        try await begin()
        return current
    }

    func close() async { await tool.close() }

    private func end(_ ending: Life.Ending) async {
        guard let process = current else { return }
        current = nil
        await chronicle.ended(process, ending)
    }
}

/// How the consumers of a round are run.
struct ConsumerSettings: Sendable {
    /// The file that commands note runs in.
    static let notes = "runs.notes"

    let network: Network
    let folder: RoundFolder
    let tool: String
    let handler: String

    func arguments(_ index: Int) -> [String] {
        let lease = "\(ChaosPlan.lease.components.seconds)"
        let common = [tool, "consume", "--lease", lease] + network.options(.consumer(index))
        guard ChaosPlan.runsCommands(consumer: index) else { return common + ["--json", "--timestamps"] }
        // The shell becomes the handler, so that a signal to the command reaches it.
        return common + ["--concurrency", "16", "--exec", "exec '\(handler)'"]
    }
}
