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
            discussion: """
                With --redis an id means one job: the same again adds nothing, and another time or body is refused. Without \
                it, each call adds copies, of which one runs.
                """, valueName: "id"))
    var id: String?

    @Flag(
        help: ArgumentHelp(
            "Take the place of a job that waits under the same id.",
            discussion: "So a job is moved, nearer or farther. One that runs, or is over, is not replaced."))
    var replace = false

    @Option(
        name: .customLong("header"),
        help: ArgumentHelp("A value that travels with the job; may be repeated.", valueName: "name=value"))
    var headers: [String] = []

    @OptionGroup var job: JobArguments

    @Flag(help: "Print the receipt as JSON: receipt, id, fireDate, copies, and scheduledBefore where that is so.")
    var json = false

    /// - Throws: `ValidationError`.
    func options() throws -> JobOptions {
        var options = job.options
        do {
            options.id = try id.map { text throws(DelayQueueError) in try JobID(text) }
            if replace {
                guard id != nil else { throw ValidationError("--replace needs --id, which says which job to replace") }
                options.idConflict = .replace
            }
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
