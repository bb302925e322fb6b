import ArgumentParser
import CommandSupport
import DelayQueue

struct DeadListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Print the dead jobs, a line each, those given up last first.")

    @OptionGroup var filter: DeadJobFilterOptions

    @Flag(help: "Print a line for each reason: how many jobs died of it, since when, and one of them.")
    var byReason = false

    @Option(help: ArgumentHelp("Print so many lines at most.", valueName: "n"))
    var limit = 1000

    @Flag(
        help: ArgumentHelp(
            """
            Print JSON, an object a job: id, diedAt, reason, consumer, runs, failures, endedLeases, endedAlone, copies. With \
            --by-reason an object a reason: reason, count, first, last, example.
            """))
    var json = false

    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
        if limit < 1 { throw ValidationError("--limit must be at least 1.") }
        _ = try filter.filter()
        try Operating.validate(cluster)
    }

    func run() async throws {
        let (filter, limit, json, byReason) = (try filter.filter(), limit, json, byReason)
        try await Operating.withOperations(cluster) { operations in
            let search = try await operations.deadJobs(matching: filter)
            search.note()
            let lines =
                byReason
                ? DeadReason.all(of: search.jobs).map { json ? $0.json : $0.line }
                : search.jobs.prefix(limit + 1).map { json ? DeadJobText($0).json : DeadJobText($0).line }
            for line in lines.prefix(limit) { try await StandardStream.output.write(line) }
            let count = byReason ? lines.count : search.jobs.count
            if count > limit {
                StandardStream.error.note(
                    byReason
                        ? "\(count - limit) more reasons have fewer jobs; --limit shows them"
                        : "\(count - limit) more were given up before these; --limit shows them")
            }
        }
    }
}

/// The dead jobs of one reason.
struct DeadReason {
    let reason: String
    private(set) var count = 0
    private var first: DeadJob
    private var last: DeadJob

    /// The reason of which most jobs died comes first.
    ///
    /// - Parameter jobs: those given up last first.
    static func all(of jobs: [DeadJob]) -> [DeadReason] {
        var reasons: [String: DeadReason] = [:]
        for job in jobs {
            var reason = reasons[job.reason] ?? DeadReason(reason: job.reason, first: job, last: job)
            reason.count += 1
            reason.first = job
            reasons[job.reason] = reason
        }
        return reasons.values.sorted { ($1.count, $0.reason) < ($0.count, $1.reason) }
    }

    /// How many, when the first and the last died, the last one's id, and the reason.
    var line: String {
        [
            "\(count)", DateText.string(of: first.diedAt), DateText.string(of: last.diedAt), last.id.description,
            PrintableText.line(reason),
        ].joined(separator: "  ")
    }

    var json: String {
        var object = JSONObject()
        object.add("reason", reason)
        object.add("count", count)
        object.add("first", DateText.string(of: first.diedAt))
        object.add("last", DateText.string(of: last.diedAt))
        object.add("example", last.id.description)
        return object.line
    }
}
