import Subprocess

/// A server on a loopback port: what all kinds of server have in common.
final class LocalServer: Sendable {
    private static let readinessLimit = Duration.seconds(10)
    /// How long a server may take to end when asked to, before it is killed.
    private static let terminationLimit = Duration.seconds(3)
    private static let attempts = 10

    let folder: String
    private let blueprint: ServerBlueprint
    private let reservation: PortReservation
    private let process: SupervisedProcess

    private init(
        blueprint: ServerBlueprint, reservation: PortReservation, process: SupervisedProcess, folder: String
    ) {
        self.blueprint = blueprint
        self.reservation = reservation
        self.process = process
        self.folder = folder
    }

    var port: Int { reservation.port }

    var processID: Int32? {
        get async { await process.processID }
    }

    var lastStatus: Int? {
        get async { await process.lastStatus }
    }

    var exits: AsyncStream<Int> { process.exits }

    // MARK: Starting

    /// Starts a server and waits until it answers; on another port where the first turns out to be taken.
    static func start(_ blueprint: ServerBlueprint) async throws -> LocalServer {
        if let port = blueprint.fixedPort {
            guard let reservation = PortReservation.fixed(port) else {
                throw TestKitError(.portTaken, "another server of this process uses port \(port)")
            }
            return try await start(blueprint, on: reservation)
        }
        for _ in 1..<attempts {
            do {
                return try await start(blueprint, on: .any())
            } catch let error as TestKitError where error.code == .portTaken {
                continue
            }
        }
        return try await start(blueprint, on: .any())
    }

    private static func start(
        _ blueprint: ServerBlueprint, on reservation: PortReservation
    ) async throws -> LocalServer {
        let process = SupervisedProcess()
        do {
            let folder = try await process.open(
                name: blueprint.name, keepsFolder: blueprint.keepsFolder,
                command: [blueprint.executable] + blueprint.arguments(reservation.port))
            let server = LocalServer(
                blueprint: blueprint, reservation: reservation, process: process, folder: folder)
            if let secrets = blueprint.secrets { try await write(secrets.contents, to: "\(folder)/\(secrets.name)") }
            try await server.launch()
            return server
        } catch var error as TestKitError {
            await process.close()
            if error.code == .executableNotFound { error.message += "; \(blueprint.installation)" }
            throw error
        } catch {
            await process.close()
            throw error
        }
    }

    /// The contents go through a pipe: arguments are for everybody to see.
    private static func write(_ contents: String, to path: String) async throws {
        let result = try await run(
            .name("sh"), arguments: ["-c", "umask 077; cat >\"$1\"", "sh", path], input: .string(contents),
            output: .discarded)
        guard result.terminationStatus.isSuccess else {
            throw TestKitError(.supervisorFailed, "\(path) could not be written")
        }
    }

    private func launch() async throws {
        try await process.start()
        let start = ContinuousClock.now
        var pause = Duration.milliseconds(1)
        // A server does not tell anybody that it has begun to listen, so there is nothing to await: ask until it
        // answers, soon at first because most servers need a few milliseconds.
        while let processID = await process.processID {
            if try await blueprint.probe(port, folder, processID).ask() { return }
            guard ContinuousClock.now - start < Self.readinessLimit else {
                throw TestKitError(
                    .notReady, "\(blueprint.name) on port \(port) does not answer\(await quotedOutput())")
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(50))
        }
        let output = await quotedOutput()
        let isPortTaken = output.lowercased().contains("address already in use")
        let status = await process.lastStatus
        throw TestKitError(
            isPortTaken ? .portTaken : .exitedEarly,
            "\(blueprint.name) ended with status \(status.map(String.init) ?? "unknown")\(output)")
    }

    /// The end of what the server has written to its standard output and error: at most 16 KiB.
    func output() async -> String {
        // A process that reads the file, because this must not block a thread that tasks run on.
        let result = try? await run(
            .name("sh"), arguments: ["-c", "tail -c 16384 \"$1\"", "sh", "\(folder)/output.log"],
            output: .string(limit: 65536))
        return result?.standardOutput ?? ""
    }

    private func quotedOutput() async -> String {
        let output = await output()
        return output.isEmpty ? ", without output" : "; its output:\n\(output)"
    }

    // MARK: Control

    func stop() async {
        if await process.signal(.terminate) {
            // A suspended server would not see the signal.
            await process.signal(.resume)
            await waitForExit(killingAfter: Self.terminationLimit)
        }
        await process.close()
        reservation.release()
    }

    func kill() async {
        await process.signal(.kill)
        await process.waitForExit()
    }

    func restart() async throws {
        await kill()
        try await launch()
    }

    func suspend() async throws(TestKitError) {
        guard await process.signal(.suspend) else { throw notRunning }
    }

    func resume() async throws(TestKitError) {
        guard await process.signal(.resume) else { throw notRunning }
    }

    private var notRunning: TestKitError {
        TestKitError(.notRunning, "\(blueprint.name) on port \(port) is not running")
    }

    private func waitForExit(killingAfter limit: Duration) async {
        let process = process
        // A task of its own, awaited here, so that a cancelled caller does not cut the server's time to end short.
        await Task {
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    do { try await Task.sleep(for: limit) } catch { return }
                    await process.signal(.kill)
                }
                await process.waitForExit()
                group.cancelAll()
            }
        }.value
    }
}
