import NIOCore

/// A Redis of its own for a test, on a free port of the loopback interface.
///
/// It keeps nothing on the disk unless the options say `appendOnly`. Stop it when the test is over, or use
/// ``withRedis(options:_:)``. A server that is not stopped ends when its last reference goes away, or with this
/// process, also where this process is killed; its folder goes with it.
public final class RedisServer: Sendable {
    private let server: LocalServer
    private let options: RedisOptions

    private init(_ server: LocalServer, options: RedisOptions) {
        self.server = server
        self.options = options
    }

    /// Starts a server and waits until it answers.
    ///
    /// Where the task is cancelled before the server answers, the server is stopped before this throws.
    ///
    /// - Throws: ``TestKitError`` with the codes `executableNotFound`, `exitedEarly`, `portTaken`, `notReady` or
    ///   `supervisorFailed`; `CancellationError`.
    public static func start(options: RedisOptions = .init()) async throws -> RedisServer {
        let blueprint = ServerBlueprint(
            name: "redis",
            executable: options.executable,
            installation: "install Redis: apt install redis-server, or brew install redis",
            fixedPort: options.port,
            keepsFolder: options.keepsFolder,
            secrets: (RedisOptions.secretsFile, options.secrets),
            arguments: { options.arguments(port: $0) },
            // The socket in the server's own folder cannot be a stranger's, needs no TLS, and exists only once the
            // port is listened on.
            probe: { _, folder, _ in
                ServerProbe(
                    address: try SocketAddress(unixDomainSocketPath: options.socketPath(in: folder)),
                    question: Self.question(password: options.password),
                    judge: Self.judge)
            })
        return RedisServer(try await LocalServer.start(blueprint), options: options)
    }

    private static func question(password: String?) -> String {
        let login = password.map { "*2\r\n$4\r\nAUTH\r\n$\($0.utf8.count)\r\n\($0)\r\n" } ?? ""
        // Asked last, so that its answer comes last.
        return login + "PING\r\n"
    }

    /// Whether the answer to a login, if there was one, and a ping shows a server that is ready; nil where the answer
    /// to the ping has not arrived yet.
    static func judge(_ answer: String) -> Bool? {
        // In Swift's eyes the end of line is one character.
        let lines = answer.split(separator: "\r\n", omittingEmptySubsequences: false).dropLast()
        for line in lines {
            // A server may refuse the only login this kit knows. That it answers is then all there is to know.
            if line == "+PONG" || line.hasPrefix("-NOAUTH") || line.hasPrefix("-NOPERM") { return true }
            if line.hasPrefix("-LOADING") { return false }
        }
        return nil
    }

    // MARK: Properties

    /// The port; it stays the same over restarts.
    public var port: Int { server.port }

    /// The address, `127.0.0.1:PORT`.
    public var address: String { "127.0.0.1:\(port)" }

    /// The address for clients: `redis://:PASSWORD@127.0.0.1:PORT`, without a password `redis://127.0.0.1:PORT`,
    /// with TLS `rediss://`.
    public var url: String { options.url(port: port) }

    /// The address for clients that reach it by another port, such as a ``FaultProxy``'s.
    public func url(through port: Int) -> String { options.url(port: port) }

    /// The Unix domain socket the server also listens on; no TLS there.
    public var unixSocketPath: String { options.socketPath(in: server.folder) }

    /// The server's working directory, with its data and its output (`output.log`).
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
    /// The folder stays, so that `restart()` finds what was logged. Not interrupted by cancellation.
    public func kill() async {
        await server.kill()
    }

    /// Starts the server again, with the same port, folder and options, and waits until it answers.
    ///
    /// A server that still runs is killed first. Data is kept only with `appendOnly`.
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
