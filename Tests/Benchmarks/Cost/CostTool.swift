import ArgumentParser

/// Counts what one job costs in instructions, allocations, commands and bytes, and compares that with a record.
@main
struct CostTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cost",
        abstract: "Count what a job costs; ./dev bench --check runs this.",
        subcommands: [CheckCommand.self, ProfileCommand.self, WorkCommand.self])
}
