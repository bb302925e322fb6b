import ArgumentParser
import Beanstalk
import CommandSupport
import DelayQueue

struct RevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Take a job back before it runs, and print what became of it.",
        discussion: """
            Prints revoked, alreadyRunning, alreadyDone, incomplete or unknown; the exit code is 0 for revoked and 1 for \
            the others. incomplete means that without --redis nothing forbids the job, and a copy was out of reach: it \
            may still run. unknown means that the ledger knows no job of that id.

            With a receipt the nodes are those named in it. With --id the job is taken back that an id of your own \
            means at present, whoever scheduled it; that takes --redis, and the tube where it is not the default.
            """)

    @Argument(
        help: "What 'dq at' or 'dq in' printed.",
        transform: { text throws(DelayQueueError) in try Receipt(parsing: text) })
    var receipt: Receipt?

    @Option(
        help: "The id that was given with --id, instead of a receipt.",
        transform: { text throws(DelayQueueError) in try JobID(text) })
    var id: JobID?

    @Flag(help: "Print JSON: id, outcome.")
    var json = false

    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
        guard (receipt == nil) != (id == nil) else {
            throw ValidationError("give a receipt, or --id and an id of your own")
        }
        guard try cluster.resolvedRedisURL() != nil || id == nil else {
            throw ValidationError("--id needs --redis: only the ledger knows which job an id means")
        }
        if let receipt, receipt.placements.isEmpty {
            guard try cluster.resolvedRedisURL() != nil else {
                throw ValidationError(
                    "the receipt names no copies, as the job had been scheduled before: give --redis, which knows the job"
                )
            }
        }
    }

    func run() async throws {
        let json = json
        if let receipt {
            var nodes: [BeanstalkNode] = []
            for placement in receipt.placements where !nodes.contains(placement.node) { nodes.append(placement.node) }
            // A receipt of a job that was scheduled before names no nodes, and the ledger's word is enough.
            try await Scheduling.withProducer(
                cluster, nodes: nodes.isEmpty ? nil : nodes, queue: receipt.queue.rawValue
            ) { try await Self.tell(try await $0.revoke(receipt), receipt.jobID, json: json) }
        } else if let id {
            try await Scheduling.withProducer(cluster) {
                try await Self.tell(try await $0.revoke(id), id, json: json)
            }
        }
    }

    private static func tell(_ outcome: RevokeOutcome, _ id: JobID, json: Bool) async throws {
        var object = JSONObject()
        object.add("id", id.description)
        object.add("outcome", outcome.description)
        do {
            try await StandardStream.output.tell(
                json ? object.line : outcome.description, within: Producer.endingLimit)
        } catch {
            StandardStream.error.note(outcome.description)
            throw CommandError("\(error)")
        }
        if outcome != .revoked { throw ExitCode.failure }
    }
}
