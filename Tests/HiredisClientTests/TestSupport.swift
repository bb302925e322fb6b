import HiredisClient
import Logging
import NIOCore
import NIOPosix
import PipelinedTransport
import Testing

/// A client on a loop of NIO's own.
func makeClient(
    _ url: String, scripts: [RedisScript] = [], configuration: ConnectionConfiguration? = nil
) throws -> RedisClient {
    try RedisClient(
        url: RedisURL(parsing: url), scripts: scripts, configuration: configuration,
        eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "test"))
}

/// Passes a client to the body and closes it.
func withClient<Result: Sendable>(
    _ url: String, scripts: [RedisScript] = [], configuration: ConnectionConfiguration? = nil,
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
func failure(of result: Result<RedisValue, RedisError>?) throws -> RedisError {
    switch try #require(result) {
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
        let outcome = await execute([RedisCommand(words.map { .text($0) })])
        return try failure(of: outcome.results.first)
    }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
