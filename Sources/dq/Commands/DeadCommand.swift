import ArgumentParser
import Beanstalk
import CommandSupport
import DelayQueue

struct DeadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead",
        abstract: "Look at jobs that were given up, and run or drop them.",
        discussion: """
            A job is dead when its failures are used up, when leases of it ended too often while it was alone in its \
            process, or when the application gives it up: the reason says which. Its copies stay on their nodes and its \
            record in the ledger until it is replayed or dropped.
            """,
        subcommands: [ListCommand.self, ReplayCommand.self, DropCommand.self],
        defaultSubcommand: ListCommand.self)

    struct ListCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Print the dead jobs, a line each, those given up last first.")

        @Option(help: ArgumentHelp("Print so many at most.", valueName: "n"))
        var limit = 1000

        @Flag(
            help: ArgumentHelp(
                "Print JSON, an object a job: id, diedAt, reason, consumer, runs, failures, endedLeases, endedAlone, copies."
            ))
        var json = false

        @OptionGroup var cluster: ClusterOptions

        func validate() throws {
            if limit < 1 { throw ValidationError("--limit must be at least 1.") }
            try DeadCommand.validate(cluster)
        }

        func run() async throws {
            let (limit, json) = (limit, json)
            try await DeadCommand.withOperations(cluster) { operations in
                let jobs = try await operations.deadJobs()
                for job in jobs.prefix(limit) {
                    try await StandardStream.output.write(json ? DeadJobText(job).json : DeadJobText(job).line)
                }
                if jobs.count > limit {
                    StandardStream.error.note(
                        "\(jobs.count - limit) more were given up before these; --limit shows them")
                }
            }
        }
    }

    struct ReplayCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "replay",
            abstract: "Have dead jobs run again, at once and with no failures.",
            discussion: "The exit code is 1 where one of them is not dead.")

        @Argument(help: "Ids of dead jobs.", transform: { text throws(DelayQueueError) in try JobID(text) })
        var ids: [JobID]

        @OptionGroup var cluster: ClusterOptions

        func validate() throws { try DeadCommand.validate(cluster) }

        func run() async throws {
            try await DeadCommand.each(ids, cluster) { operations, id in
                try await operations.replay(id).map {
                    $0 > 0 ? "replayed" : "replayed; it runs once a node brings a copy"
                }
            }
        }
    }

    struct DropCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "drop",
            abstract: "Have dead jobs never run.",
            discussion: """
                Consumers delete their copies; those that could not be reached now, within a day or two. The exit code is \
                1 where one of them is not dead.
                """)

        @Argument(help: "Ids of dead jobs.", transform: { text throws(DelayQueueError) in try JobID(text) })
        var ids: [JobID]

        @OptionGroup var cluster: ClusterOptions

        func validate() throws { try DeadCommand.validate(cluster) }

        func run() async throws {
            try await DeadCommand.each(ids, cluster) { operations, id in try await operations.drop(id) ? "dropped" : nil
            }
        }
    }

    // MARK: What they share

    private static func validate(_ cluster: ClusterOptions) throws {
        _ = try cluster.resolvedNodes()
        _ = try cluster.requiredLedger()
    }

    /// - Parameter work: says what was done with a job; nil where it is not dead.
    private static func each(
        _ ids: [JobID], _ cluster: ClusterOptions,
        _ work: @escaping @Sendable (QueueOperations, JobID) async throws -> String?
    ) async throws {
        try await withOperations(cluster) { operations in
            var areDead = true
            for id in ids {
                let outcome = try await work(operations, id)
                if outcome == nil { areDead = false }
                let line = "\(id) \(outcome ?? "is not dead")"
                do {
                    try await StandardStream.output.tell(line, within: Producer.endingLimit)
                } catch {
                    // The jobs behind it are not attended to.
                    StandardStream.error.note(line)
                    throw CommandError("\(error)")
                }
            }
            if !areDead { throw ExitCode.failure }
        }
    }

    private static func withOperations(
        _ cluster: ClusterOptions, _ work: @escaping @Sendable (QueueOperations) async throws -> Void
    ) async throws {
        let ledger = try cluster.requiredLedger()
        cluster.security.warn()
        let operations = try cluster.operations(ledger: ledger)
        try await Interruption.run {
            let result: Result<Void, any Error>
            do {
                try await work(operations)
                result = .success(())
            } catch {
                result = .failure(error)
            }
            await operations.close()
            await ledger.close()
            try result.get()
        }
    }
}
