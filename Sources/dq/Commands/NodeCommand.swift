import ArgumentParser
import CommandSupport
import DelayQueue
import PipelinedTransport

struct NodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node",
        abstract: "Look which copies are missing, write them again, and make a node ready to be taken away.",
        discussion: """
            A job has copies on several nodes. Where a node came back empty, or is gone for good, its copies are missing; \
            dead jobs have copies too. Nothing here deletes or moves one, and it may be interrupted at any moment and done \
            again. All jobs of all nodes are looked at, which takes some seconds for a million. Jobs that are younger \
            than a minute are passed over, as whoever writes them may be at it still.
            """,
        subcommands: [CheckCommand.self, RepairCommand.self, DrainCommand.self])

    struct CheckCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check", abstract: "Count the copies that are missing; changes nothing.",
            discussion: "The exit code is 1 where some are, or where a node could not be looked through.")

        @OptionGroup var excluded: ExcludedNodes
        @OptionGroup var output: ReportOptions
        @OptionGroup var cluster: ClusterOptions

        func validate() throws { _ = try NodeCommand.validate(cluster, excluded.nodes) }

        func run() async throws {
            try await NodeCommand.run(cluster, without: excluded.nodes, output) { operations, excluded, progress in
                try await operations.checkCopies(without: excluded, progress: progress)
            }
        }
    }

    struct RepairCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "repair", abstract: "Write the copies that are missing.",
            discussion: """
                Writes nothing where a node does not answer: name it with --without if it is gone. The exit code is 1 \
                where copies are missing afterwards.
                """)

        @OptionGroup var excluded: ExcludedNodes
        @OptionGroup var output: ReportOptions
        @OptionGroup var cluster: ClusterOptions

        func validate() throws { _ = try NodeCommand.validate(cluster, excluded.nodes) }

        func run() async throws {
            try await NodeCommand.run(cluster, without: excluded.nodes, output) { operations, excluded, progress in
                try await operations.repairCopies(without: excluded, progress: progress)
            }
        }
    }

    struct DrainCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "drain",
            abstract: "Write what lies on a node elsewhere too, so that it can be taken away.",
            discussion: """
                The node keeps its copies, and is asked for jobs as before. First have producers write to it no more: take it \
                out of their configuration, or send beanstalkd SIGUSR1. With exit code 0 it may be stopped then.
                """)

        @Argument(help: "The node, as in --nodes.")
        var node: String

        @OptionGroup var output: ReportOptions
        @OptionGroup var cluster: ClusterOptions

        func validate() throws { _ = try NodeCommand.validate(cluster, [node]) }

        func run() async throws {
            try await NodeCommand.run(cluster, without: [node], output) { operations, excluded, progress in
                try await operations.repairCopies(without: excluded, progress: progress)
            }
        }
    }

    struct ExcludedNodes: ParsableArguments {
        @Option(name: .customLong("without"), help: "A node that is gone, or to be taken away; may be repeated.")
        var nodes: [String] = []
    }

    struct ReportOptions: ParsableArguments {
        @Flag(
            help: ArgumentHelp(
                "Print JSON: jobs, incompleteJobs, missingCopies, addedCopies, endedMeanwhile, passedOver, untold, mayHaveMissed, leftBehind, unreadableRecords, nodes."
            ))
        var json = false
    }

    // MARK: What they share

    /// - Returns: the nodes that are left out.
    private static func validate(_ cluster: ClusterOptions, _ excluded: [String]) throws -> Set<ServerAddress> {
        let nodes = try cluster.resolvedNodes()
        _ = try cluster.requiredLedger()
        let addresses = try excluded.map { text in
            guard let address = ServerAddress(parsing: text, defaultPort: BeanstalkNode.defaultPort),
                nodes.contains(where: { $0.address == address })
            else {
                throw ValidationError(
                    "\(text.debugDescription) is none of the nodes, which are "
                        + nodes.map(\.address.description).joined(separator: ", "))
            }
            return address
        }
        guard Set(addresses).count < nodes.count else { throw ValidationError("No node would be left.") }
        return Set(addresses)
    }

    private static func run(
        _ cluster: ClusterOptions, without excluded: [String], _ options: ReportOptions,
        _ work:
            @escaping @Sendable (
                QueueOperations, Set<ServerAddress>, @escaping @Sendable (CopyReport) -> Void
            ) async throws -> CopyReport
    ) async throws {
        let excluded = try validate(cluster, excluded)
        let isJSON = options.json
        try await Operating.withOperations(cluster) { operations in
            let report = try await work(operations, excluded) { report in
                StandardStream.error.showProgress(CopyReportText(report).progress)
            }
            StandardStream.error.endProgress()
            let text = CopyReportText(report)
            try await StandardStream.output.write(isJSON ? text.json : text.lines.joined(separator: "\n"))
            if !report.isComplete { throw ExitCode.failure }
        }
    }
}
