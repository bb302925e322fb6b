import ArgumentParser
import CommandSupport
import DelayQueue

struct InCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "in",
        abstract: "Schedule a job for some time from now, and print its receipt.",
        discussion: """
            The receipt is what 'dq revoke' takes the job back with. A job that is refused does not run, unless the message \
            says that it may still fire, or has run: then do not schedule it again without looking. Where the receipt \
            cannot be printed, the job is taken back; or its receipt is on standard error, as is that of a job with --id, \
            which can be written again.
            """)

    @Argument(
        help: ArgumentHelp(
            "How long from now: 1.5s, 250ms, 10m, 2h, 1d, or together as in 1h30m.", valueName: "duration"),
        transform: { text throws(InvalidText) in try DurationText.parse(text) })
    var duration: Duration

    @OptionGroup var arguments: SingleJobArguments
    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
        _ = try arguments.options()
        try cluster.validateForProducing()
    }

    func run() async throws {
        try await Scheduling.schedule(.delay(duration), arguments, on: cluster)
    }
}
