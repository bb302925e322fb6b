import ArgumentParser
import CommandSupport
import DelayQueue

struct FindCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "find",
        abstract: "Find jobs on the nodes: how they stand, and where each copy is.",
        discussion: """
            With an id, or with --header, --type, --body or --due, all jobs of all nodes are looked through, as no node tells \
            where one is: some seconds for a million. With a receipt only the places that it names are looked at. \
            Nothing is changed. Who runs a job the ledger does not know: it has a token for each claim, and when its lease \
            ends. The exit code is 1 where nothing was found.
            """)

    @Argument(help: "An id, or a receipt.")
    var job: String?

    @OptionGroup var filter: JobFilterOptions

    @Option(help: ArgumentHelp("Find so many jobs at most.", valueName: "n"))
    var limit = 1000

    @Flag(
        help: ArgumentHelp(
            "Print JSON, an object a job: id, state, fireDate, body or bodyBase64, headers, copies, receipt, and what the ledger knows of its runs."
        ))
    var json = false

    @OptionGroup var cluster: ClusterOptions

    private enum Sought: Sendable {
        case id(JobID)
        case receipt(Receipt)
        case jobs(JobFilter)
    }

    private func sought() throws -> Sought {
        guard let job else {
            guard !filter.isEmpty else {
                throw ValidationError("say what to find: an id, a receipt, --header, --type, --body or --due")
            }
            return .jobs(try filter.filter())
        }
        guard filter.isEmpty else { throw ValidationError("give an id or a receipt, or a filter, not both") }
        if let receipt = Receipt(job) { return .receipt(receipt) }
        // A receipt that was cut off must not be taken for an id.
        switch Result(catching: { () throws(DelayQueueError) in try Revoker.Job(job) }) {
        case .success(let job): return .id(job.id)
        case .failure(let error): throw ValidationError(error.message)
        }
    }

    func validate() throws {
        if limit < 1 { throw ValidationError("--limit must be at least 1.") }
        _ = try sought()
        try Operating.validate(cluster)
    }

    func run() async throws {
        let (sought, limit, json) = (try sought(), limit, json)
        try await Operating.withOperations(cluster) { operations in
            let progress = SearchProgress()
            defer { StandardStream.error.endProgress() }
            let search =
                switch sought {
                case .id(let id): try await operations.find(id, progress: progress.show)
                case .receipt(let receipt): try await operations.find(receipt)
                case .jobs(let filter):
                    try await operations.find(matching: filter, limit: limit, progress: progress.show)
                }
            search.note()
            let isOne = if case .jobs = sought { false } else { true }
            for job in search.jobs {
                let text = FoundJobText(job: job)
                for line in json ? [text.json] : isOne ? text.details : text.lines {
                    try await StandardStream.output.write(line)
                }
            }
            guard search.jobs.isEmpty else {
                if case .receipt(let receipt) = sought, let job = search.jobs.first,
                    job.copies.count < receipt.placements.count
                {
                    StandardStream.error.note(
                        "the receipt does not tell where the other copies are: 'dq find \(job.id)' looks for all")
                }
                return
            }
            let isKnown = search.status.map { $0.state != .unknown } ?? false
            if isKnown, !json {
                for line in StatusText.details(search.status) { try await StandardStream.output.write(line) }
            } else if isKnown {
                var object = JSONObject()
                if case .id(let id) = sought { object.add("id", id.description) }
                if case .receipt(let receipt) = sought { object.add("id", receipt.jobID.description) }
                StatusText.add(search.status, to: &object)
                object.add("copies", [JSONObject]())
                try await StandardStream.output.write(object.line)
            }
            StandardStream.error.note("no copy was found")
            if !isKnown { throw ExitCode.failure }
        }
    }
}
