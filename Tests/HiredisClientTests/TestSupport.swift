import Logging
import NIOCore
import NIOPosix
import PipelinedTransport
import Testing

@testable import HiredisClient

/// A client on a loop of NIO's own.
func makeClient(
    _ url: String, scripts: [String] = [], configuration: ConnectionConfiguration? = nil
) throws -> RedisClient {
    try RedisClient(
        url: RedisURL(parsing: url), scripts: scripts, configuration: configuration,
        eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "test"))
}

/// Passes a client to the body and closes it.
func withClient<Result: Sendable>(
    _ url: String, scripts: [String] = [], configuration: ConnectionConfiguration? = nil,
    _ body: (RedisClient) async throws -> Result
) async throws -> Result {
    let client = try makeClient(url, scripts: scripts, configuration: configuration)
    let result: Result
    do {
        result = try await body(client)
    } catch {
        await client.close()
        throw error
    }
    await client.close()
    return result
}

/// The error a command ends with.
func failure(of result: Result<RedisValue, RedisError>) throws -> RedisError {
    switch result {
    case .success(let value):
        Issue.record("succeeded with \(value)")
        throw CancellationError()
    case .failure(let error):
        return error
    }
}

extension RedisClient {
    /// The error of a command that must fail.
    func refusal(_ words: String...) async throws -> RedisError {
        let replies = await send { $0.command(words.map { .text($0) }) }
        return try failure(of: replies[0])
    }

    /// Which connection of this client there is now.
    var generation: ConnectionGeneration { connection.onLoop.status.generation }

    var isReady: Bool { connection.onLoop.status.phase == .ready }

    /// How many batches wait for replies.
    var unanswered: Int { connection.onLoop.status.unanswered }

    /// Whether nobody waits for anything.
    var isIdle: Bool { order.isEmpty }
}

extension RedisBatch {
    /// Adds the call of a script.
    mutating func call(_ script: Int, _ key: String, _ arguments: [RedisArgument]) {
        begin(script: script, key: key, arguments: arguments.count)
        for argument in arguments { append(EncodedWords([argument])) }
        end()
    }
}

extension RedisReplies {
    var isSuccess: Bool { failures.isEmpty }

    var results: [Result<RedisValue, RedisError>] { (0..<count).map { self[$0] } }
}
