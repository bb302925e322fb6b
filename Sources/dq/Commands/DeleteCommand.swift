import ArgumentParser
import CommandSupport
import DelayQueue

struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Take back all jobs of some kind before they run.",
        discussion: """
            Looks through all jobs of all nodes, tells how many fit, asks, and revokes each as 'dq revoke' does: the \
            ledger is told first, so that none of them runs, then its copies are deleted. Jobs that run are told of and not \
            harmed. After an interruption each job is either revoked or as it was; the command can be given again.

            Prints the id and the outcome of each job. The exit code is 0 where all of them were revoked, or were done \
            already.
            """)

    @Argument(help: "Ids of jobs.", transform: { text throws(DelayQueueError) in try JobID(text) })
    var ids: [JobID] = []

    @OptionGroup var filter: JobFilterOptions

    @Flag(help: "Every job of the queue.")
    var all = false

    @OptionGroup var decision: DecisionOptions

    @OptionGroup var cluster: ClusterOptions

    private func sought() throws -> JobFilter {
        guard !ids.isEmpty || !filter.isEmpty || all else {
            throw ValidationError("say which: ids, --header, --type, --body, --due, or --all")
        }
        guard !all || ids.isEmpty && filter.isEmpty else {
            throw ValidationError("--all means every job, and needs no ids or filter")
        }
        var sought = try filter.filter()
        if !ids.isEmpty { sought.ids = Set(ids) }
        return sought
    }

    func validate() throws {
        _ = try sought()
        try Operating.validate(cluster)
    }

    func run() async throws {
        let (sought, decision, cluster) = (try sought(), decision, cluster)
        // Ids alone are known to the ledger, where they are the caller's own.
        let named = filter.isEmpty ? ids : []
        try await Operating.withOperations(cluster) { operations in
            let search = try await Self.search(operations, sought)
            let found = Set(search.jobs.map(\.id))
            let unfound = named.filter { !found.contains($0) }
            if decision.dryRun {
                for job in search.jobs { try await StandardStream.output.write(FoundJobText(job: job).summary) }
                StandardStream.error.note("\(search.jobs.count) jobs would be deleted; nothing was changed")
                return
            }
            guard !search.jobs.isEmpty || !unfound.isEmpty else {
                StandardStream.error.note("no job fits")
                if !search.isComplete { throw ExitCode.failure }
                return
            }
            if !search.jobs.isEmpty {
                try await decision.confirm("delete \(search.jobs.count) jobs, due \(Self.dates(of: search.jobs))")
            }
            let isDone = try await Self.delete(search.jobs, unfound, cluster)
            // Of those that may have been missed nothing was deleted.
            guard isDone, search.isComplete else { throw ExitCode.failure }
        }
    }

    private static func search(_ operations: QueueOperations, _ filter: JobFilter) async throws -> JobSearch {
        let progress = SearchProgress()
        defer { StandardStream.error.endProgress() }
        let search = try await operations.find(matching: filter, limit: .max, progress: progress.show)
        search.note()
        return search
    }

    private static func dates(of jobs: [FoundJob]) -> String {
        let dates = jobs.map(\.fireDate)
        guard let first = dates.min(), let last = dates.max() else { return "" }
        return first == last
            ? DateText.string(of: first) : "from \(DateText.string(of: first)) to \(DateText.string(of: last))"
    }

    /// - Returns: whether none of them will run, but for those that ran.
    private static func delete(
        _ jobs: [FoundJob], _ unfound: [JobID], _ cluster: ClusterOptions
    ) async throws -> Bool {
        let ledger = try cluster.requiredLedger()
        let producer = try Producer(
            nodes: try cluster.resolvedNodes(), ledger: ledger, configuration: try cluster.producerConfiguration(),
            logger: cluster.logger(label: "dq.producer"))
        let result: Result<Bool, any Error>
        do {
            let revoker = Revoker(producer)
            var isDone = true
            for start in stride(from: 0, to: jobs.count, by: Revoker.batchSize) {
                let batch = jobs[start..<min(start + Revoker.batchSize, jobs.count)]
                for outcome in try await revoker.revoke(batch.map { .receipt($0.receipt) }) {
                    isDone = isDone && outcome.isOver
                }
                try Task.checkCancellation()
                StandardStream.error.showProgress(
                    "\(ProgressBar.text(start + batch.count, of: jobs.count))  \(start + batch.count) of \(jobs.count)")
            }
            for outcome in try await revoker.revoke(unfound.map { .id($0) }) { isDone = isDone && outcome.isOver }
            result = .success(isDone)
        } catch {
            result = .failure(error)
        }
        StandardStream.error.endProgress()
        await producer.close(within: Producer.endingLimit)
        await ledger.close()
        return try result.get()
    }
}
