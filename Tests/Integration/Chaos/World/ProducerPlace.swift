/// Where one producer runs, and after its end the next.
///
/// A producer's process may last for a tenth of a second only, so whoever wants to disturb one waits for the next.
actor ProducerPlace {
    struct Ending {
        /// What it had printed.
        var output: String
        var errors: String
        var status: Int?

        /// 128 and SIGKILL.
        var wasKilled: Bool { status == 137 }
    }

    let slot: Slot
    private let folder: RoundFolder
    private var current: (tool: ToolProcess, id: Int32)?
    private var count = 0
    private var waiters: [CheckedContinuation<Void, Never>] = []
    private var isClosed = false

    init(_ slot: Slot, folder: RoundFolder) {
        self.slot = slot
        self.folder = folder
    }

    /// Runs a tool to its end, whatever becomes of it.
    func run(_ arguments: [String]) async throws -> Ending {
        count += 1
        let (output, errors) = ("\(slot).\(count).out", "\(slot).\(count).log")
        let tool = try await ToolProcess.open(
            slot, arguments, output: folder.file(output), log: folder.file(errors), notes: "/dev/null",
            ledger: folder.file(RoundFolder.ledgerFile(of: slot)))
        let status: Int?
        do {
            if let id = try await tool.start() {
                current = (tool, id)
                resumeWaiters()
            }
            await tool.waitForExit()
            status = await tool.status
        } catch {
            await tool.close()
            throw error
        }
        current = nil
        await tool.close()
        let ending = Ending(output: folder.read(output), errors: folder.read(errors), status: status)
        folder.remove(output)
        // What went well need not be kept.
        if ending.errors.isEmpty { folder.remove(errors) }
        return ending
    }

    /// Waits until a process runs.
    ///
    /// - Returns: false where there will be none.
    func waitForProcess() async -> Bool {
        if current == nil, !isClosed { await withCheckedContinuation { waiters.append($0) } }
        return current != nil
    }

    func kill() async -> ProcessName? {
        guard let current else { return nil }
        await current.tool.kill()
        return ProcessName(slot: slot, id: current.id)
    }

    func stop() async -> ProcessName? {
        guard let current, await current.tool.stop() else { return nil }
        return ProcessName(slot: slot, id: current.id)
    }

    /// Lets a stopped process go on, if it is still there.
    func goOn(_ process: ProcessName) async {
        guard let current, current.id == process.id else { return }
        await current.tool.goOn()
    }

    /// There will be no more processes.
    func close() {
        isClosed = true
        resumeWaiters()
    }

    private func resumeWaiters() {
        let waiters = waiters
        self.waiters = []
        for waiter in waiters { waiter.resume() }
    }
}
