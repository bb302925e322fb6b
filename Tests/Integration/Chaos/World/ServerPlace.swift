import DelayQueueTestKit
import Foundation

/// What a round needs of a server, beanstalkd or Redis.
protocol RoundServer: Sendable {
    var folder: String { get }
    var isRunning: Bool { get async }
    var lastStatus: Int? { get async }
    var exits: AsyncStream<Int> { get }

    func output() async -> String
    func kill() async
    func restart() async throws
    func suspend() async throws
    func resume() async throws
}

extension BeanstalkdServer: RoundServer {}
extension RedisServer: RoundServer {}

/// Where one server runs: faults take it away and bring it back, and where it ends by itself it is started again, as a
/// service manager would do.
actor ServerPlace {
    private let name: Server
    private let server: any RoundServer
    private let folder: RoundFolder
    private let chronicle: Chronicle

    /// A fault keeps it down.
    private var isTakenAway = false
    /// How many ends that faults have caused are still to be heard of.
    private var kills = 0
    private var launch: Task<Void, any Error>?
    private var crashes = 0

    /// 128 and SIGKILL.
    private static let killed = 137
    private static let tries = 5

    init(_ name: Server, _ server: any RoundServer, folder: RoundFolder, chronicle: Chronicle) {
        self.name = name
        self.server = server
        self.folder = folder
        self.chronicle = chronicle
    }

    // MARK: Faults

    func kill() async {
        _ = await launch?.result
        isTakenAway = true
        kills += 1
        await server.kill()
        // It may have ended by itself just before: then nothing else will be heard of.
        if await server.lastStatus != Self.killed { kills -= 1 }
    }

    func bringBack() async throws {
        isTakenAway = false
        try await bringUp()
    }

    /// - Returns: false where it does not run.
    func suspend() async throws -> Bool {
        _ = await launch?.result
        do {
            try await server.suspend()
            return true
        } catch let error as TestKitError where error.code == .notRunning {
            return false
        }
    }

    func resume() async throws { try await server.resume() }

    // MARK: What nobody has done

    /// Starts it again whenever it ends by itself, until its task is cancelled.
    func supervise() async throws {
        for await status in server.exits {
            if status == Self.killed, kills > 0 {
                kills -= 1
                continue
            }
            let start = Instant.now()
            let trace = await keepTrace(status)
            if !isTakenAway { try await bringUp() }
            await chronicle.add(
                Fault(target: .server(name), kind: .crash, process: nil, start: start, end: .now(), detail: trace))
        }
    }

    private func bringUp() async throws {
        if await server.isRunning { return }
        if launch == nil {
            let server = server
            launch = Task {
                // On a busy machine a server may take longer to answer than the kit waits.
                for _ in 1..<Self.tries {
                    do { return try await server.restart() } catch is TestKitError { continue }
                }
                try await server.restart()
            }
        }
        defer { launch = nil }
        try await launch?.value
    }

    /// Puts what it leaves behind into the round's folder.
    private func keepTrace(_ status: Int) async -> String {
        crashes += 1
        let file = "\(name).crash\(crashes)"
        let output = await server.output()
        var trace = status > 128 ? "signal \(status - 128)" : "status \(status)"
        if !output.isEmpty, (try? folder.write(output, to: file + ".log")) != nil { trace += ", output in \(file).log" }
        // Where the system writes a core dump into the folder of the process; how to call it is the system's choice.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: server.folder)) ?? []
        for core in names where core == "core" || core.hasPrefix("core.") {
            let target = folder.file("\(file).\(core)")
            guard (try? FileManager.default.moveItem(atPath: "\(server.folder)/\(core)", toPath: target)) != nil else {
                continue
            }
            trace += ", core dump in \(file).\(core)"
        }
        return trace
    }
}
