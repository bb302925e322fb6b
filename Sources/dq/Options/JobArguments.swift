import ArgumentParser
import CommandSupport
import DelayQueue

/// How a job, or each of many, is scheduled.
struct JobArguments: ParsableArguments {
    @Option(
        help: """
            Its place in the whole backlog: high, normal or low. While jobs of a higher priority are due, those of a \
            lower one wait, however long they have been due.
            """)
    var priority: Priority = .normal

    @Option(
        help: ArgumentHelp(
            "How long a node lets a consumer keep a copy without a sign of life: 10 to 30, whole. 30 unless given.",
            valueName: "seconds"),
        transform: { text throws(InvalidText) in try DurationText.parseSeconds(text) })
    var ttr: Duration?

    @Option(help: "How it is written: native, or goqueue for consumers written with go-queue.")
    var format: Format = .native

    @OptionGroup var copies: CopyOptions

    @Flag(help: "Run at once what is due already, instead of refusing it.")
    var allowPast = false

    enum Priority: String, ExpressibleByArgument, CaseIterable {
        case high, normal, low
    }

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case native, goqueue
    }

    var options: JobOptions {
        var options = JobOptions()
        options.priority =
            switch priority {
            case .high: .high
            case .normal: .normal
            case .low: .low
            }
        if let ttr { options.timeToRun = ttr }
        options.format =
            switch format {
            case .native: .native
            case .goqueue: .goQueue
            }
        if allowPast { options.pastDates = .runImmediately }
        return options
    }

    /// - Throws: `ValidationError`.
    func validate() throws {
        do {
            try options.validate()
        } catch {
            throw ValidationError(error.message)
        }
    }
}
