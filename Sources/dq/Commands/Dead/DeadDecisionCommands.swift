import ArgumentParser
import CommandSupport
import DelayQueue

struct DeadReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Have dead jobs run again, at once and with no failures.",
        discussion: """
            Give ids, or a filter, or --all. What fits is told first, and asked about. After an interruption each job is \
            either replayed or still dead; the command can be given again. The exit code is 1 where a job was not replayed.
            """)

    @OptionGroup var arguments: DeadDecisionArguments

    func validate() throws { try arguments.check() }

    func run() async throws {
        try await arguments.run("replay", done: "replayed") { operations, jobs, progress in
            await operations.replay(jobs, progress: progress)
        }
    }
}

struct DeadDropCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drop",
        abstract: "Have dead jobs never run.",
        discussion: """
            Give ids, or a filter, or --all. What fits is told first, and asked about. Consumers delete the copies; those \
            that could not be reached now, within a day or two. After an interruption each job is either dropped or still \
            dead; the command can be given again. The exit code is 1 where a job was not dropped.
            """)

    @OptionGroup var arguments: DeadDecisionArguments

    func validate() throws { try arguments.check() }

    func run() async throws {
        try await arguments.run("drop", done: "dropped") { operations, jobs, progress in
            await operations.drop(jobs, progress: progress)
        }
    }
}

/// What deciding about dead jobs has in common.
struct DeadDecisionArguments: ParsableArguments {
    @Argument(help: "Ids of dead jobs.", transform: { text throws(DelayQueueError) in try JobID(text) })
    var ids: [JobID] = []

    @OptionGroup var filter: DeadJobFilterOptions

    @Flag(help: "All dead jobs.")
    var all = false

    @OptionGroup var decision: DecisionOptions

    @Flag(help: "Print JSON, an object a job: id, outcome, readyCopies, and error where there was one.")
    var json = false

    @OptionGroup var cluster: ClusterOptions

    /// - Throws: `ValidationError`.
    func check() throws {
        guard !ids.isEmpty || !filter.isEmpty || all else {
            throw ValidationError("say which: ids, --reason, --header, --type, --since, --until, or --all")
        }
        guard [!ids.isEmpty, !filter.isEmpty, all].count(where: { $0 }) == 1 else {
            throw ValidationError("give ids, or a filter, or --all: one of them")
        }
        _ = try filter.filter()
        try Operating.validate(cluster)
    }

    /// - Parameters:
    ///   - verb: what is done to the jobs.
    ///   - done: what they are then.
    func run(
        _ verb: String, done: String,
        _ decide:
            @escaping @Sendable (QueueOperations, [DeadJob], @escaping @Sendable (Int) -> Void) async ->
            [DeadJobOutcome]
    ) async throws {
        let (ids, decision, json, sought) = (ids, decision, json, try filter.filter())
        try await Operating.withOperations(cluster) { operations in
            let jobs: [DeadJob]
            if ids.isEmpty {
                let search = try await operations.deadJobs(matching: sought)
                search.note()
                jobs = search.jobs
            } else {
                var dead: [DeadJob] = []
                for id in ids { if let job = try await operations.deadJob(id) { dead.append(job) } }
                jobs = dead
            }
            let notDead = Set(ids).subtracting(jobs.map(\.id))
            if decision.dryRun {
                for job in jobs { try await StandardStream.output.write(DeadJobText(job).line) }
                StandardStream.error.note("\(jobs.count) dead jobs would be \(done); nothing was changed")
                return
            }
            // Who names jobs need not be asked whether these are meant.
            if ids.isEmpty {
                guard !jobs.isEmpty else { return StandardStream.error.note("no dead job fits") }
                for reason in DeadReason.all(of: jobs).prefix(10) { StandardStream.error.note(reason.line) }
                try await decision.confirm("\(verb) \(jobs.count) dead jobs")
            }
            let outcomes = await decide(operations, jobs) { count in
                StandardStream.error.showProgress(
                    "\(ProgressBar.text(count, of: jobs.count))  \(count) of \(jobs.count)")
            }
            StandardStream.error.endProgress()
            let lines =
                outcomes.map { Self.line($0, done: done, json: json) }
                + notDead.map { Self.line(DeadJobOutcome(id: $0, state: .notDead), done: done, json: json) }
            try await Operating.tell(lines)
            try Task.checkCancellation()
            let count = outcomes.count { $0.state == .decided }
            if ids.isEmpty { StandardStream.error.note("\(count) of \(jobs.count) dead jobs were \(done)") }
            guard count == outcomes.count, notDead.isEmpty else { throw ExitCode.failure }
        }
    }

    private static func line(_ outcome: DeadJobOutcome, done: String, json: Bool) -> String {
        if json {
            var object = JSONObject()
            object.add("id", outcome.id.description)
            object.add("outcome", outcome.state == .decided ? done : outcome.state.description)
            object.add("readyCopies", outcome.readyCopies)
            object.add("error", ifPresent: outcome.error?.description)
            return object.line
        }
        let text =
            switch outcome.state {
            case .decided where outcome.readyCopies == 0 && done == "replayed":
                "replayed; it runs once a node brings a copy"
            case .decided: done
            case .notDead: "is not dead"
            case .untouched: "was not attended to"
            default: "failed: \(PrintableText.line(outcome.error?.description ?? "no reason is known"))"
            }
        return "\(outcome.id) \(text)"
    }
}
