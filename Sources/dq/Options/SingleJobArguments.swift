import ArgumentParser
import DelayQueue

/// What is said of one job on the command line.
struct SingleJobArguments: ParsableArguments {
    @Argument(
        help: ArgumentHelp("What the job carries; - reads it from standard input, byte for byte.", valueName: "body"))
    var body: String

    @Option(
        help: ArgumentHelp(
            "The job's id, 1 to 200 visible ASCII characters; a fresh UUID unless given.",
            discussion: "Scheduling again with the same id runs the job once.", valueName: "id"))
    var id: String?

    @Option(
        name: .customLong("header"),
        help: ArgumentHelp("A value that travels with the job; may be repeated.", valueName: "name=value"))
    var headers: [String] = []

    @OptionGroup var job: JobArguments

    @Flag(help: "Print the receipt as JSON: receipt, id, fireDate, copies.")
    var json = false

    /// - Throws: `ValidationError`.
    func options() throws -> JobOptions {
        var options = job.options
        do {
            options.id = try id.map { text throws(DelayQueueError) in try JobID(text) }
            for header in headers {
                guard let equals = header.firstIndex(of: "=") else {
                    throw ValidationError("--header: \(header.debugDescription) has no =; write --header name=value")
                }
                options.headers[String(header[..<equals])] = String(header[header.index(after: equals)...])
            }
            try options.validate()
        } catch let error as DelayQueueError {
            throw ValidationError(error.message)
        }
        return options
    }
}
