import Beanstalk
import NIOConcurrencyHelpers
import PipelinedTransport

// A queue's dead jobs: what was given up, to be looked at, replayed or dropped.
extension QueueOperations {
    /// The queue's dead jobs; the one that was given up last comes first.
    ///
    /// Looks through all records of the ledger's server, a thousand at a time, while the server goes on serving others.
    ///
    /// - Throws: `ledgerUnavailable` where the ledger goes away meanwhile; nothing is told of jobs found before that.
    public func deadJobs() async throws(DelayQueueError) -> [DeadJob] {
        try await carrier.deadRecords(of: queueName)
            .compactMap { DeadJob($0.key, $0.record) }
            .sorted { ($1.diedAt, $0.id.description) < ($0.diedAt, $1.id.description) }
    }

    /// The dead jobs that fit a filter; the one that was given up last comes first.
    ///
    /// What a job carries is known by its copies. So where that matters, those are looked at whose places the ledger knows,
    /// on the nodes that answer.
    ///
    /// - Throws: as ``deadJobs()``; `invalidOption` where the reason is no regular expression.
    public func deadJobs(matching filter: DeadJobFilter) async throws(DelayQueueError) -> DeadJobSearch {
        let jobs = try filter.fitting(try await deadJobs())
        guard !filter.job.isEmpty else { return DeadJobSearch(jobs: jobs, unread: 0) }
        var search = DeadJobSearch()
        for start in stride(from: 0, to: jobs.count, by: Self.batchSize) {
            let batch = jobs[start..<min(start + Self.batchSize, jobs.count)]
            let looks = await look(at: Self.places(of: batch))
            let fits = Self.fits(batch, filter.job, looks, sealPolicy, queueName)
            for job in batch {
                switch fits[job.id] {
                case true?: search.jobs.append(job)
                case false?: break
                case nil: search.unread += 1
                }
            }
        }
        if Task.isCancelled { throw DelayQueueError(.cancelled, "the search was cancelled") }
        return search
    }

    private static func places(of jobs: some Sequence<DeadJob>) -> [ServerAddress: [BeanstalkJobID]] {
        Dictionary(grouping: jobs.lazy.flatMap(\.copies), by: \.address).mapValues { $0.map(\.id) }
    }

    /// Whether each job fits, by any of its copies; none for those of which no copy could be looked into.
    private static func fits(
        _ jobs: some Collection<DeadJob>, _ filter: JobFilter, _ looks: [Look], _ policy: SealPolicy, _ queue: TubeName
    ) -> [JobID: Bool] {
        let ids = Set(jobs.map(\.id))
        var fits: [JobID: Bool] = [:]
        for copy in looks.lazy.flatMap(\.copies) {
            guard let record = copy.record, let id = record.id, ids.contains(id),
                let isFit = filter.fits(record, opening: policy, queue: queue)
            else { continue }
            fits[id] = fits[id, default: false] || isFit
        }
        return fits
    }

    /// A dead job with all that can be known of it: its headers and body, and where each copy is. Nil where no job of this
    /// id is dead.
    ///
    /// Copies are looked for where the ledger says that they lie. A node that is away is told of in the result.
    public func examine(_ id: JobID) async throws(DelayQueueError) -> JobSearch? {
        guard let job = try await deadJob(id) else { return nil }
        var search = JobSearch()
        search.status = JobStatus(
            try await carrier.read([job.key.ofAnyEdition])[0], of: job.key, in: queueName, now: .now())
        var gathering = JobGathering(queue: queueName, policy: sealPolicy, limit: .max)
        for look in await look(at: Self.places(of: [job])) {
            search.nodes.append(JobSearch.Node(look))
            for copy in look.copies where copy.record?.id == id && copy.record?.edition == job.key.edition {
                gathering.add(copy)
            }
        }
        search.jobs = gathering.jobs
        for index in search.jobs.indices { search.jobs[index].status = search.status }
        return search
    }

    /// A dead job; nil where no job of this id is dead.
    public func deadJob(_ id: JobID) async throws(DelayQueueError) -> DeadJob? {
        let keys = LedgerKey.all(of: id, in: queueName)
        for (key, value) in zip(keys, try await carrier.read(keys)) {
            if let dead = value?.deadRecord(in: queueName, key) { return DeadJob(dead.key, dead.record) }
        }
        return nil
    }

    /// How many copies of these jobs wait in each tube of each node, counting those whose places the ledger knows and
    /// whose node answers.
    package func copies(of jobs: [DeadJob]) async -> [ServerAddress: [CopyTube: Int]] {
        await withTaskGroup(of: (ServerAddress, [CopyTube: Int]).self) { group in
            for place in places {
                // A node that lost its data gives the same numbers again, so the records of two jobs may name one
                // number.
                let ids = Set(jobs.lazy.flatMap(\.copies).filter { $0.address == place.node.address }.map(\.id))
                group.addTask { (place.node.address, await Self.count(ids, on: place)) }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    private static func count(
        _ ids: Set<BeanstalkJobID>, on place: Place
    ) async -> [CopyTube: Int] {
        let replies = await place.connection.execute(ids.map { .statsJob($0) }, timeout: .seconds(2)).replies
        var counts: [CopyTube: Int] = [:]
        for case .ok(let text) in replies {
            // A number may mean another job by now, but only copies of dead jobs wait with this priority.
            guard let statistics = try? JobStatistics(parsing: text), statistics.state == .delayed,
                statistics.priority == DuePriority.dead, let tube = place.node.copyTube(named: statistics.tube)
            else { continue }
            counts[tube, default: 0] += 1
        }
        return counts
    }

    // MARK: Deciding

    /// Lets dead jobs run after all, with no failures counted.
    ///
    /// First the ledger is told; then the copies whose places it knows are made ready, so that a consumer runs the job
    /// at once. About a copy that could not be reached, a consumer asks the ledger within a day of when the copy was
    /// last sent back. Repeating the call is harmless: a job that is not dead any more is left alone.
    ///
    /// Where the ledger does not answer, it is asked again for a few seconds. If it still does not, it may have
    /// recorded the replay all the same: the copies are made ready, and the job's outcome is that error. Jobs are decided
    /// 500 at a time. Where the task is cancelled, those under way are decided to the end, and the rest is left as it was.
    ///
    /// A consumer that gave a job up a moment ago may hold its copies for a second more. The call waits for that, 3
    /// seconds at most.
    ///
    /// - Parameters:
    ///   - jobs: what ``deadJobs()`` returned.
    ///   - progress: is told how many were attended to.
    /// - Returns: an outcome a job, in order. It is `invalidConfiguration` where all copies of a job lie on servers that are
    ///   none of the nodes.
    public func replay(
        _ jobs: [DeadJob], progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) async -> [DeadJobOutcome] {
        await decide(.replay, jobs, progress)
    }

    /// Makes certain that dead jobs never run.
    ///
    /// First the ledger is told; then the copies whose places it knows are made ready, so that a consumer deletes them
    /// soon. Each of the others is deleted once its delay is over, within a day or two. Where the ledger does not
    /// answer, it is asked again for a few seconds; if it still does not, the outcome is that error although the job may
    /// have been dropped. Cancellation is attended to as by ``replay(_:progress:)``.
    ///
    /// - Returns: an outcome a job, in order.
    public func drop(
        _ jobs: [DeadJob], progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) async -> [DeadJobOutcome] {
        await decide(.drop, jobs, progress)
    }

    /// Lets a dead job run after all: see ``replay(_:progress:)``.
    ///
    /// - Returns: how many copies were made ready; nil where the job is not dead.
    /// - Throws: also `invalidConfiguration`, where all its copies lie on servers that are none of the nodes.
    @discardableResult
    public func replay(_ id: JobID) async throws(DelayQueueError) -> Int? {
        guard let job = try await deadJob(id), let outcome = await replay([job]).first else { return nil }
        if let error = outcome.error { throw error }
        if outcome.state == .untouched { throw DelayQueueError(.cancelled, "the replay was cancelled") }
        return outcome.state == .decided ? outcome.readyCopies : nil
    }

    /// Makes certain that a dead job never runs: see ``drop(_:progress:)``.
    ///
    /// - Returns: false where the job is not dead.
    @discardableResult
    public func drop(_ id: JobID) async throws(DelayQueueError) -> Bool {
        guard let job = try await deadJob(id), let outcome = await drop([job]).first else { return false }
        if let error = outcome.error { throw error }
        if outcome.state == .untouched { throw DelayQueueError(.cancelled, "the job was not dropped: cancelled") }
        return outcome.state == .decided
    }

    /// In a task of its own, which the caller's cancellation does not end: a job that the ledger was told of, and whose
    /// copies were not made ready, would wait for up to a day.
    private func decide(
        _ kind: DeadJobDecision.Kind, _ jobs: [DeadJob], _ progress: @escaping @Sendable (Int) -> Void
    ) async -> [DeadJobOutcome] {
        let isCancelled = NIOLockedValueBox(false)
        let decider = DeadJobDecider(operations: self, isCancelled: isCancelled)
        return await withTaskCancellationHandler {
            await Task { await decider.decide(kind, jobs, progress: progress) }.value
        } onCancel: {
            isCancelled.withLockedValue { $0 = true }
        }
    }
}
