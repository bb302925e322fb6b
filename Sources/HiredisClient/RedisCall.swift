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

    /// Whether the reply can be the answer to the call.
    func isAnswered(by reply: RedisValue) -> Bool {
        if case .error = reply { return true }
        return accepts?(reply) ?? true
    }

    /// Nil for a plain command.
    public var script: RedisScript? {
        if case .script(let script) = function { script } else { nil }
    }

    /// `EVALSHA`, or the plain command.
    package var command: RedisCommand {
        var command = RedisCommand(reserving: 3 + keys.count + arguments.count)
        write(into: &command)
        return command
    }

    /// Writes the call into a command that is used again for each call of a batch.
    func write(into command: inout RedisCommand) {
        command.removeAll()
        switch function {
        case .script(let script):
            command.append("EVALSHA")
            command.append(script.sha1)
            command.append(String(keys.count))
        case .command(let name):
            command.append(name)
        }
        for key in keys { command.append(key) }
        for argument in arguments { command.append(argument) }
    }
}
