import DelayQueueTestKit
import TestSupport

/// Where one consumer runs, and after its end the next.
actor ConsumerPlace {
    private enum State {
        /// None, until a fault is over.
        case away
        case starting
        case running(ProcessName)
        /// It is being ended.
        case ending
    }

    let slot: Slot
    private let tool: ToolProcess
    private let chronicle: Chronicle
    private var state = State.away

    #if os(Linux)
        /// What its processes take for the time; nil where they look at the machine's clock.
        private let clock: ShiftedClock?
    #endif

    init(_ index: Int, world: ConsumerSettings, chronicle: Chronicle) async throws {
        slot = .consumer(index)
        self.chronicle = chronicle
        var command = world.arguments(index)
        #if os(Linux)
            // What is printed has times in it, by which it is judged.
            clock = world.plan.runsCommands(consumer: index) ? try await ShiftedClock() : nil
            if let clock {
                command = ["/usr/bin/env"] + clock.environment.map { "\($0.key)=\($0.value)" } + command
            }
        #endif
        tool = try await ToolProcess.open(
            slot, command, output: world.folder.file("\(slot).out"),
            log: world.folder.file("\(slot).log"), notes: world.folder.file(ConsumerSettings.notes),
            ledger: world.folder.file(RoundFolder.ledgerFile(of: slot)))
    }

    /// Does nothing where a process runs.
    func start() async throws {
        guard case .away = state else { return }
        try await begin()
    }

    private func begin() async throws {
        state = .starting
        let time = Instant.now()
        guard let id = try await tool.start() else {
            state = .away
            return
        }
        let process = ProcessName(slot: slot, id: id)
        state = .running(process)
        await chronicle.born(process, at: time)
    }

    /// Kills it.
    ///
    /// - Returns: which process that was; nil where none ran.
    func kill() async throws -> ProcessName? {
        guard case .running(let process) = state else { return nil }
        state = .ending
        let time = Instant.now()
        await tool.kill()
        let status = await tool.status
        state = .away
        // 128 and SIGKILL; else it had ended just before.
        await chronicle.ended(process, status == 137 ? .killed(time) : .byItself(status: status))
        return process
    }

    /// Asks it to end, and waits until it has.
    func terminate() async throws -> ProcessName? {
        guard case .running(let process) = state else { return nil }
        state = .ending
        let time = Instant.now()
        await tool.terminate()
        await tool.waitForExit()
        let status = await tool.status
        state = .away
        await chronicle.ended(process, status == 0 ? .asked(time) : .byItself(status: status))
        return process
    }

    func stop() async throws -> ProcessName? {
        guard case .running(let process) = state else { return nil }
        return await tool.stop() ? process : nil
    }

    func goOn() async { await tool.goOn() }

    /// Replaces a process that ended although nobody had ended it, whenever one does, until the task is cancelled.
    func supervise() async throws {
        for await _ in tool.exits {
            guard case .running(let process) = state, let status = await tool.status else { continue }
            // Somebody else may have been here since.
            guard case .running(process) = state else { continue }
            state = .starting
            await chronicle.ended(process, .byItself(status: status))
            try await begin()
        }
    }

    /// Sets its clock so far ahead of the machine's.
    ///
    /// - Returns: whether it has one of its own.
    func shiftClock(by seconds: Int64) throws -> Bool {
        #if os(Linux)
            guard let clock else { return false }
            try clock.set(seconds)
            return true
        #else
            return false
        #endif
    }

    func close() async {
        await tool.close()
        #if os(Linux)
            clock?.remove()
        #endif
    }
}

/// How the consumers of a round are run.
struct ConsumerSettings: Sendable {
    /// The file that commands note runs in.
    static let notes = "runs.notes"

    let plan: ChaosPlan
    let network: Network
    let folder: RoundFolder
    let tool: String
    let handler: String

    func arguments(_ index: Int) -> [String] {
        let lease = "\(ChaosPlan.lease.components.seconds)"
        let common = [tool, "consume", "--lease", lease] + network.options(.consumer(index))
        guard plan.runsCommands(consumer: index) else { return common + ["--json", "--timestamps"] }
        // The shell becomes the handler, so that a signal to the command reaches it. What it notes is by the machine's
        // clock, whatever its consumer takes for the time.
        return common + ["--concurrency", "16", "--exec", "unset LD_PRELOAD; exec '\(handler)'"]
    }
}
