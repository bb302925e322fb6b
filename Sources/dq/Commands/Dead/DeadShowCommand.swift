import ArgumentParser
import CommandSupport
import DelayQueue

struct DeadShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Print all that is known of a dead job: reason, counts, headers, body, where each copy is.",
        discussion: "A sealed job is opened with --keys. The exit code is 1 where the job is not dead.")

    @Argument(help: "The id of a dead job.", transform: { text throws(DelayQueueError) in try JobID(text) })
    var id: JobID

    @Flag(help: "Print JSON, as 'dq find' does.")
    var json = false

    @OptionGroup var cluster: ClusterOptions

    func validate() throws { try Operating.validate(cluster) }

    func run() async throws {
        let (id, json) = (id, json)
        try await Operating.withOperations(cluster) { operations in
            guard let search = try await operations.examine(id) else {
                StandardStream.error.note("\(id) is not dead")
                throw ExitCode.failure
            }
            search.note()
            guard let job = search.jobs.first else {
                let dead = search.status?.record?.death.map(DeadJobText.init)
                let lines = ["id: \(id)"] + StatusText.details(search.status)
                for line in json ? [dead?.json ?? "{}"] : lines { try await StandardStream.output.write(line) }
                StandardStream.error.note("no copy was found where the ledger knows of one")
                return
            }
            let text = FoundJobText(job: job)
            for line in json ? [text.json] : text.details { try await StandardStream.output.write(line) }
        }
    }
}
