/// A call of a script with its keys and arguments.
public struct RedisScriptCall: Sendable {
    public var script: RedisScript

    /// Every key the script touches: calls that share a key keep their order.
    public var keys: [String]

    public var arguments: [RedisArgument]

    public init(script: RedisScript, keys: [String], arguments: [RedisArgument] = []) {
        self.script = script
        self.keys = keys
        self.arguments = arguments
    }

    /// `EVALSHA`.
    var command: RedisCommand {
        var command = RedisCommand(reserving: 3 + keys.count + arguments.count)
        command.append("EVALSHA")
        command.append(script.sha1)
        command.append(String(keys.count))
        for key in keys { command.append(key) }
        for argument in arguments { command.append(argument) }
        return command
    }
}
