import ArgumentParser
import CommandSupport
import DelayQueue
import Foundation

struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Have consumers take no new jobs, until an end or until the queue is resumed.",
        discussion: """
            Consumers know of it within a second or two: they finish what runs, and hand on what they had fetched. Jobs \
            that fall due wait on their nodes; scheduling goes on. It is a word in the ledger, so nothing that restarts \
            ends it. Of a queue that is paused the end and the reason are changed. dq status shows it.
            """)

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp(
            "How long it lasts, such as 10m or 1h30m; until dq resume unless given.", valueName: "duration"),
        transform: { text throws(InvalidText) in try DurationText.parse(text) })
    var duration: Duration?

    @Option(help: ArgumentHelp("The reason, for whoever looks at the queue meanwhile.", valueName: "text"))
    var why = ""

    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
        if let duration, duration <= .zero { throw ValidationError("--for must be more than zero.") }
        try Operating.validate(cluster)
    }

    func run() async throws {
        let (duration, why) = (duration, why)
        let name = "\(NSUserName())@\(ProcessName.host)"
        try await Operating.withOperations(cluster) { operations in
            try await operations.pause(for: duration, why: why, by: name)
            // Somebody may have resumed it, or its end have come.
            let text =
                switch try await operations.pauseState() {
                case nil: "the pause is over"
                case let pause?:
                    pause.until.map { "paused until \(DateText.string(of: $0))" } ?? "paused until it is resumed"
                }
            try await StandardStream.output.write(text)
        }
    }
}

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "End the pause of the queue.",
        discussion: """
            Consumers take jobs again within a second or two. Prints resumed, or that the queue was not paused; the exit \
            code is 0 either way.
            """)

    @OptionGroup var cluster: ClusterOptions

    func validate() throws { try Operating.validate(cluster) }

    func run() async throws {
        try await Operating.withOperations(cluster) { operations in
            let wasPaused = try await operations.resume()
            try await StandardStream.output.write(wasPaused ? "resumed" : "the queue was not paused")
        }
    }
}
