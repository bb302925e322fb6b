import ArgumentParser
import CommandSupport
import DelayQueue

struct AtCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "at",
        abstract: "Schedule a job for an instant, and print its receipt.",
        discussion: """
            The receipt is what 'dq revoke' takes the job back with. A job that is refused does not run, unless the message \
            says that it may still fire, or has run: then do not schedule it again without looking. Where the receipt \
            cannot be printed, the job is taken back; or its receipt is on standard error, as is that of a job with --id, \
            which can be written again.
            """)

    @Argument(
        help: ArgumentHelp(
            "When: ISO 8601 with a time zone (2026-01-02T03:04:05.678Z, +02:00), or @ and unix seconds.",
            valueName: "date"),
        transform: { text throws(InvalidText) in try DateText.parse(text) })
    var date: Timestamp

    @OptionGroup var arguments: SingleJobArguments
    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
        _ = try arguments.options()
        try cluster.validateForProducing()
    }

    func run() async throws {
        try await Scheduling.schedule(.at(date.date), arguments, on: cluster)
    }
}
