import NIOCore

/// A beanstalkd of its own for a test, on a free port of the loopback interface.
///
/// Stop it when the test is over, or use ``withBeanstalkd(binlog:options:_:)``. A server that is not stopped ends when
/// its last reference goes away, or with this process, also where this process is killed; its folder goes with it.
public final class BeanstalkdServer: Sendable {
    private let server: LocalServer

    private init(_ server: LocalServer) {
        self.server = server
    }

    /// Starts a server and waits until it answers.
    ///
    /// Where the task is cancelled before the server answers, the server is stopped before this throws.
    ///
    /// - Parameter binlog: whether jobs are written to a log (`-b`), so that they survive `kill()` and `restart()`.
    /// - Throws: ``TestKitError`` with the codes `executableNotFound`, `exitedEarly`, `portTaken`, `notReady` or
    ///   `supervisorFailed`; `CancellationError`.
    public static func start(
        binlog: Bool = false, options: BeanstalkdOptions = .init()
    ) async throws -> BeanstalkdServer {
        let blueprint = ServerBlueprint(
            name: "beanstalkd",
            executable: options.executable,
            installation: "install the package beanstalkd: apt install beanstalkd, or brew install beanstalkd",
            fixedPort: options.port,
            keepsFolder: options.keepsFolder,
            arguments: { options.arguments(port: $0, binlog: binlog) },
            probe: { port, _, processID in
                ServerProbe(
                    address: try SocketAddress(ipAddress: "127.0.0.1", port: port),
                    question: "stats\r\n",
                    judge: { Self.judge($0, processID: processID) })
            })
        return BeanstalkdServer(try await LocalServer.start(blueprint))
    }

    /// Whether statistics are those of the process with this id; nil where its line has not arrived yet.
    static func judge(_ statistics: String, processID: Int32) -> Bool? {
        // The last piece may be half a line.
        let lines = statistics.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        guard let line = lines.first(where: { $0.hasPrefix("pid: ") }) else { return nil }
        return Int32(line.dropFirst("pid: ".count)) == processID
    }

    // MARK: Properties

    /// The port; it stays the same over restarts.
    public var port: Int { server.port }

    /// The address, `127.0.0.1:PORT`.
    public var address: String { "127.0.0.1:\(port)" }

    /// The server's working directory, with its binlog and its output (`output.log`).
    public var folder: String { server.folder }

    /// Whether the server process exists; also true while it is suspended.
    public var isRunning: Bool {
        get async { await server.processID != nil }
    }

    /// The server's process id, while it runs.
    public var processID: Int32? {
        get async { await server.processID }
    }

    /// How the last process ended: its exit code, or 128 and the number of the signal that ended it.
    package var lastStatus: Int? {
        get async { await server.lastStatus }
    }

    /// The statuses with which its processes end, whoever ended them; for one listener.
    package var exits: AsyncStream<Int> { server.exits }

    /// The end of what the server has written to its standard output and error: at most 16 KiB.
    public func output() async -> String {
        await server.output()
    }

    // MARK: Control

    /// Asks the server to end (`SIGTERM`), waits for its end and removes its folder.
    ///
    /// A server that has not ended after 3 seconds is killed. Not interrupted by cancellation. Does nothing on a
    /// stopped server.
    public func stop() async {
        await server.stop()
    }

    /// Kills the server (`SIGKILL`) and returns once it has ended.
    ///
    /// The folder stays, so that `restart()` finds the binlog. Not interrupted by cancellation.
    public func kill() async {
        await server.kill()
    }

    /// Starts the server again, with the same port, folder and options, and waits until it answers.
    ///
    /// A server that still runs is killed first. Without a binlog all jobs are gone.
    ///
    /// - Throws: ``TestKitError`` with the codes `exitedEarly`, `portTaken`, `notReady` or `stopped`;
    ///   `CancellationError`, and then the server may run, answering or not.
    public func restart() async throws {
        try await server.restart()
    }

    /// Stops the server from running (`SIGSTOP`) and returns once it does not run any more.
    ///
    /// Its connections stay open, and the kernel still accepts new ones for it; nothing is answered.
    ///
    /// - Throws: ``TestKitError`` with the code `notRunning`.
    public func suspend() async throws {
        try await server.suspend()
    }

    /// Lets a suspended server go on (`SIGCONT`). Does nothing where it is not suspended.
    ///
    /// - Throws: ``TestKitError`` with the code `notRunning`.
    public func resume() async throws {
        try await server.resume()
    }
}
