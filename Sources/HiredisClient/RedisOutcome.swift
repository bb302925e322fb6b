/// What became of the commands of one batch.
public struct RedisOutcome: Sendable {
    /// A result for each command, in their order. A server's refusal is a failure with the code `server` or a
    /// more telling one.
    public var results: [Result<RedisValue, RedisError>]

    /// Whether every command was answered without an error.
    public var isSuccess: Bool {
        results.allSatisfy { if case .success = $0 { true } else { false } }
    }
}
