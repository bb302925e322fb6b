import ArgumentParser
import CommandSupport
import DelayQueue

struct JobCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job",
        abstract: "Tell how the job of an id of your own stands.",
        discussion: """
            Prints waiting and its date, running, retrying, done, dead, revoked or unknown. Asks the ledger only. A job \
            whose id was generated is unknown until it runs; so is one that has been over for longer than records last.
            """)

    @Argument(
        help: "The id that was given with --id.",
        transform: { text throws(DelayQueueError) in try JobID(text) })
    var id: JobID

    @Flag(help: "Print JSON: id, state, and fireDate of a job that waits.")
    var json = false

    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
        guard try cluster.resolvedRedisURL() != nil else {
            throw ValidationError("--redis is missing: only the ledger knows how a job stands")
        }
    }

    func run() async throws {
        let (id, json) = (id, json)
        try await Scheduling.withProducer(cluster) { producer in
            let status = try await producer.status(of: id)
            let date = status.fireDate.map { DateText.string(of: $0) }
            if json {
                var object = JSONObject()
                object.add("id", id.description)
                object.add("state", status.state.description)
                if let date { object.add("fireDate", date) }
                try await StandardStream.output.write(object.line)
            } else {
                try await StandardStream.output.write(
                    [status.state.description, date].compactMap(\.self).joined(separator: " "))
            }
        }
    }
}
