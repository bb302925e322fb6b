import DelayQueueTestKit
import Foundation

/// A throwaway redis-server on a free loopback port.
final class RedisProcess: Sendable {
    struct DidNotStart: Error {
        var output: String
    }

    let port: Int
    private let directory: URL
    private let identifier: pid_t
    private let exit: AsyncStream<Never>

    var socketPath: String { directory.appending(path: "socket").path() }

    var url: String { "redis://127.0.0.1:\(port)" }

    /// Starts a server, passes it to the body, and kills it.
    static func run<Result: Sendable>(
        _ arguments: [String] = [], port: Int? = nil, _ body: (RedisProcess) async throws -> Result
    ) async throws -> Result {
        let server = try await start(arguments, port: port)
        let result: Result
        do {
            result = try await body(server)
        } catch {
            await server.kill()
            throw error
        }
        await server.kill()
        return result
    }

    /// Tries again on another port where somebody took the first one in the moment between.
    private static func start(_ arguments: [String], port: Int?) async throws -> RedisProcess {
        for _ in 0..<5 where port == nil {
            if let server = try? await RedisProcess(arguments, port: nil) { return server }
        }
        return try await RedisProcess(arguments, port: port)
    }

    /// Returns once the server takes connections. Arguments replace the defaults of the same name.
    init(_ arguments: [String] = [], port: Int? = nil) async throws {
        let port = try port ?? Self.freePort()
        directory = FileManager.default.temporaryDirectory.appending(path: "redis-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let process = Process()
        // Looked for as the test kit does.
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments =
            [
                RedisOptions().executable, "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly",
                "no",
                "--dir", directory.path(), "--unixsocket", directory.appending(path: "socket").path(),
            ] + arguments
        let (exit, exited) = AsyncStream<Never>.makeStream()
        // Read for as long as the server lives, or it would stop when the pipe is full.
        let (lines, text) = AsyncStream<String>.makeStream()
        process.terminationHandler = { _ in
            exited.finish()
            // Other children may hold the pipe open for longer.
            text.finish()
        }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        output.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            if data.isEmpty {
                handle.readabilityHandler = nil
                text.finish()
            } else {
                text.yield(String(decoding: data, as: UTF8.self))
            }
        }
        try process.run()
        self.port = port
        self.exit = exit
        identifier = process.processIdentifier
        var seen = ""
        for await part in lines {
            seen += part
            if seen.contains("Ready to accept connections") { return }
        }
        try? FileManager.default.removeItem(at: directory)
        throw DidNotStart(output: seen)
    }

    /// Ends the server at once, and returns when it is gone.
    func kill() async {
        Foundation.kill(identifier, SIGKILL)
        for await _ in exit {}
        try? FileManager.default.removeItem(at: directory)
    }

    /// A port nobody listens on, below those that the system gives to clients: a client that calls a dead port of that
    /// range again and again can reach itself. A cluster's server needs the port 10,000 above its own too.
    static func freePort() throws -> Int {
        for _ in 0..<1000 {
            let port = Int.random(in: 10_240..<22_768)
            if PortReservation.isFree(port), PortReservation.isFree(port + 10_000) { return port }
        }
        throw DidNotStart(output: "no free port")
    }
}
