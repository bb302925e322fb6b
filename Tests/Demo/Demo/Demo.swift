import ArgumentParser
import CommandSupport
import DelayQueue
import DelayQueueTestKit
import Foundation
import NIOCore

@main
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Show the queue at work: schedule jobs, stop a node, count what arrives.",
        discussion: """
            Starts three beanstalkd nodes and a Redis of its own, schedules 300 reminders (or a file's), consumes \
            them in two processes, kills one node half-way and brings it back, and compares every job that arrived \
            with what was scheduled. The exit code is 0 only where each arrived once, not early, and unchanged.

            With --nodes and --redis it runs on those servers, in a tube of its own, and stops none of them; DQ_NODES, \
            DQ_TUBE and DQ_REDIS are not looked at.
            """)

    @Option(
        help: ArgumentHelp(
            "Jobs to schedule instead, as 'dq load' takes them. Dates that are past are moved, all by the same time.",
            valueName: "file.jsonl"))
    var file: String?

    @Flag(help: "Print the result as a JSON object.")
    var json = false

    @OptionGroup var cluster: ClusterOptions

    static func main() async { await runAsProgram() }

    func validate() throws {
        guard (cluster.nodes == nil) == (cluster.redis == nil) else {
            throw ValidationError("Give both --nodes and --redis, or neither to have servers started.")
        }
        if cluster.nodes != nil {
            _ = try cluster.resolvedNodes()
            _ = try cluster.resolvedRedisURL()
        } else if try cluster.security.nodesSpeakTLS() {
            throw ValidationError("--tls is for --nodes: the servers that are started here speak none.")
        }
        _ = try cluster.resolvedTube()
    }

    func run() async throws {
        let command = self
        try await Interruption.run {
            if let nodes = command.cluster.nodes, let redisURL = command.cluster.redis {
                let nodes = nodes.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
                try await command.run(
                    on: DemoCluster(
                        nodes: nodes, tube: command.tube, redisURL: redisURL, options: command.cluster))
                return
            }
            StandardStream.error.showProgress("starting servers")
            defer { StandardStream.error.endProgress() }
            try await withLocalCluster(nodes: 3, redis: true, binlog: true) { servers in
                guard let redis = servers.redis else { throw CommandError("no Redis was started") }
                try await command.run(
                    on: DemoCluster(
                        nodes: servers.addresses, tube: command.tube, redisURL: redis.url,
                        options: command.cluster, servers: servers))
            }
        }
    }

    /// A tube nobody else uses, unless one was asked for.
    private var tube: String { cluster.tube ?? "dq-demo-\(JobID.random())" }

    private func run(on servers: DemoCluster) async throws {
        var jobs: [JobSpecification]
        var refused = 0
        if let file {
            var contents = try await DemoFile(path: file)
            if let shift = contents.moveIntoFuture(now: .now()) {
                StandardStream.error.note("\(file): dates are past; all were moved by \(shift.secondsText) s")
            }
            (jobs, refused) = (contents.jobs, contents.refused)
        } else {
            jobs = DemoReminders.make(now: .now())
        }
        let run = DemoRun(
            cluster: servers, isVerbose: cluster.verbose, logger: cluster.logger(label: "dq.demo"))
        let report = try await run.run(jobs, refused: refused)
        StandardStream.error.endProgress()
        try await StandardStream.output.write(json ? report.json : report.lines.joined(separator: "\n"))
        if !report.isSuccess { throw ExitCode.failure }
    }
}
