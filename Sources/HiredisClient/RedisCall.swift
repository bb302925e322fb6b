/// A call of a script, or a plain command, with its keys and arguments.
public struct RedisCall: Sendable {
    public enum Function: Sendable {
        case script(RedisScript)
        /// A command whose first words are its name and its keys.
        case command(String)
    }

    public var function: Function

    /// Every key it touches: calls that share a key keep their order.
    public var keys: [String]

    public var arguments: [RedisArgument]

    /// Whether it can have been answered so; nil takes anything. Errors are not asked about.
    ///
    /// Only their order says which reply answers what: after one that cannot be right the connection is closed, and
    /// all calls still waiting on it fail with `transport`.
    public var accepts: (@Sendable (RedisValue) -> Bool)?

    public init(
        script: RedisScript, keys: [String], arguments: [RedisArgument] = [],
        accepts: (@Sendable (RedisValue) -> Bool)? = nil
    ) {
        self.function = .script(script)
        self.keys = keys
        self.arguments = arguments
        self.accepts = accepts
    }

    public init(
        command: String, keys: [String], arguments: [RedisArgument] = [],
        accepts: (@Sendable (RedisValue) -> Bool)? = nil
    ) {
        self.function = .command(command)
        self.keys = keys
        self.arguments = arguments
        self.accepts = accepts
    }

    /// Nil for a plain command.
    public var script: RedisScript? {
        if case .script(let script) = function { script } else { nil }
    }

    /// All words: `EVALSHA`, or the name of the command, and what follows it.
    var words: [RedisArgument] {
        let keys = keys.map { RedisArgument.text($0) }
        return switch function {
        case .script(let script): ["EVALSHA", .text(script.sha1), .integer(keys.count)] + keys + arguments
        case .command(let name): [.text(name)] + keys + arguments
        }
    }
}
