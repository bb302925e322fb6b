import ArgumentParser
import Beanstalk
import CommandSupport
import DelayQueue

struct RevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Take a job back before it runs, and print what became of it.",
        discussion: """
            Prints revoked, alreadyRunning, alreadyDone or incomplete; the exit code is 0 for revoked and 1 for the \
            others. incomplete means that without --redis nothing forbids the job, and a copy was out of reach: it \
            may still run. The nodes are those named in the receipt.
            """)

    @Argument(
        help: "What 'dq at' or 'dq in' printed.",
        transform: { text throws(DelayQueueError) in try Receipt(parsing: text) })
    var receipt: Receipt

    @Flag(help: "Print JSON: id, outcome.")
    var json = false

    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
        _ = try cluster.resolvedRedisURL()
    }

    func run() async throws {
        let (receipt, json) = (receipt, json)
        var nodes: [BeanstalkNode] = []
        for placement in receipt.placements where !nodes.contains(placement.node) { nodes.append(placement.node) }
        try await Scheduling.withProducer(cluster, nodes: nodes, queue: receipt.queue.rawValue) { producer in
            let outcome = try await producer.revoke(receipt)
            if json {
                var object = JSONObject()
                object.add("id", receipt.jobID.description)
                object.add("outcome", outcome.description)
                try await StandardStream.output.write(object.line)
            } else {
                try await StandardStream.output.write(outcome.description)
            }
            if outcome != .revoked { throw ExitCode.failure }
        }
    }
}
