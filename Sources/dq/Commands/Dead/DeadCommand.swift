import ArgumentParser
import CommandSupport
import DelayQueue

struct DeadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead",
        abstract: "Look at jobs that were given up, and run or drop them.",
        discussion: """
            A job is dead when its failures are used up, when leases of it ended too often while it was alone in its \
            process, or when the application gives it up: the reason says which. Its copies stay on their nodes and its \
            record in the ledger until it is replayed or dropped. Copies put aside by consumers are another matter: see \
            'dq aside'.
            """,
        subcommands: [DeadListCommand.self, DeadShowCommand.self, DeadReplayCommand.self, DeadDropCommand.self],
        defaultSubcommand: DeadListCommand.self)
}
