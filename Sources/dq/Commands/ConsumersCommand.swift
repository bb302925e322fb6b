import ArgumentParser
import CommandSupport
import DelayQueue

struct ConsumersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consumers",
        abstract: "Print the queue's consumers, a line each.",
        discussion: """
            Each tells the ledger every second that it is there: its host and process, version, what it does about new \
            jobs (taking, paused, alone with a job that may end its process, ending), how many of its tasks have a job, \
            how many jobs it completes and has completed, and how far its clock is ahead of the ledger's. One that ends \
            in order is gone at once; one that was killed, stands still or cannot reach the ledger is silent, and is \
            shown for an hour.
            """)

    @Flag(
        help: ArgumentHelp(
            "Print JSON, an object a consumer: id, process, version, activity, busy, limit, completed, completedPerMinute, clockSkewMs, startedAt, lastSeen, silent."
        ))
    var json = false

    @OptionGroup var cluster: ClusterOptions

    func validate() throws { try Operating.validate(cluster) }

    func run() async throws {
        let json = json
        try await Operating.withOperations(cluster) { operations in
            let consumers = try await operations.consumers().map { ConsumerText($0) }
            guard !json else {
                for consumer in consumers { try await StandardStream.output.write(consumer.json.line) }
                return
            }
            guard !consumers.isEmpty else {
                StandardStream.error.note("the queue has no consumers: jobs that fall due wait")
                return
            }
            for line in TextTable([ConsumerText.headings] + consumers.map(\.row)).lines {
                try await StandardStream.output.write(line)
            }
        }
    }
}
