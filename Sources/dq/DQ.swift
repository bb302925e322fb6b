import ArgumentParser
import CommandSupport
import DelayQueue

@main
struct DQ: AsyncParsableCommand {
    static let version = PackageVersion.current

    static let configuration = CommandConfiguration(
        commandName: "dq",
        abstract: "Jobs that run later, once, even when machines fail.",
        discussion: """
            Jobs live on several beanstalkd nodes; Redis or Valkey decides which copy runs. The exit code is 0, 1 \
            after an error, 64 after wrong usage, and 128 and the signal's number where a signal cut a command short (130 \
            for SIGINT, 143 for SIGTERM). consume ends in order after a signal, with 0.
            """,
        version: "dq \(version)",
        subcommands: subcommands)

    private static var subcommands: [any ParsableCommand.Type] {
        var commands: [any ParsableCommand.Type] = [
            AtCommand.self, InCommand.self, LoadCommand.self, ConsumeCommand.self, RevokeCommand.self,
            DeleteCommand.self, JobCommand.self, FindCommand.self, StatusCommand.self, ConsumersCommand.self,
            PauseCommand.self, ResumeCommand.self, DeadCommand.self, AsideCommand.self, NodeCommand.self,
        ]
        #if Sealing
            commands.append(KeyCommand.self)
        #endif
        return commands
    }

    static func main() async { await runAsProgram() }
}
