import Beanstalk
import NIOConcurrencyHelpers
import PipelinedTransport

// Where jobs are, and how they stand. All of this reads only.
extension QueueOperations {
    /// Finds the copies of one job on all nodes, and tells how it stands.
    ///
    /// No node can be asked for a job by its id, so that all of their jobs are looked through, as with
    /// ``find(matching:limit:progress:)``; it ends when all copies that the job's records declare are found. A job whose
    /// ledger record is there and of which no node has a copy is told of by ``JobSearch/status`` only.
    ///
    /// - Throws: `cancelled`. A node or a ledger that is away is told of in the result.
    public func find(
        _ id: JobID, progress: @escaping @Sendable (JobSearch.Node) -> Void = { _ in }
    ) async throws(DelayQueueError) -> JobSearch {
        var filter = JobFilter()
        filter.ids = [id]
        var search = try await gather(filter, limit: .max, endsWhenComplete: true, progress: progress)
        do throws(DelayQueueError) {
            let now = try await ledgerTime()
            for (key, value) in zip(LedgerKey.all(of: id, in: queueName), try await values(of: id)) {
                guard let value else { continue }
                search.status = JobStatus(value, of: key, in: queueName, now: now)
            }
        } catch {
            search.ledgerProblem = error
        }
        return search
    }

    /// Looks for a job's copies where its receipt says that they are, and tells how it stands.
    ///
    /// - Throws: `invalidConfiguration` for a receipt of another queue; `cancelled`. A node or a ledger that is away is told
    ///   of in the result.
    public func find(_ receipt: Receipt) async throws(DelayQueueError) -> JobSearch {
        guard receipt.queue == queueName else {
            throw DelayQueueError(
                .invalidConfiguration, "the receipt is of queue \(receipt.queue), and this is queue \(queueName)")
        }
        var search = JobSearch()
        var gathering = JobGathering(queue: queueName, policy: sealPolicy, limit: .max)
        let looks = await look(
            at: Dictionary(grouping: receipt.placements.filter { $0.id != nil }, by: \.node.address)
                .mapValues { $0.compactMap(\.id) })
        for look in looks {
            for copy in look.copies where copy.record?.id == receipt.jobID && copy.record?.edition == receipt.edition {
                gathering.add(copy)
            }
            search.nodes.append(JobSearch.Node(look))
        }
        for address in Set(receipt.placements.map(\.node.address)) where place(address) == nil {
            search.nodes.append(
                JobSearch.Node(
                    address: address, problem: "it is none of the nodes given, and was not asked", mayHaveMissed: nil,
                    looked: 0, jobs: nil, seen: 0))
        }
        if Task.isCancelled { throw DelayQueueError(.cancelled, "the search was cancelled") }
        search.jobs = gathering.jobs
        do throws(DelayQueueError) {
            let now = try await ledgerTime()
            if let value = try await carrier.read([receipt.ledgerKey.ofAnyEdition])[0] {
                search.status = JobStatus(value, of: receipt.ledgerKey, in: queueName, now: now)
            }
            try await addStatuses(to: &search.jobs)
        } catch {
            search.ledgerProblem = error
        }
        return search
    }

    /// Finds the jobs that fit a filter, by looking through all jobs of all nodes.
    ///
    /// That takes a node some 10 µs a job, and some seconds for a million. Jobs that come or go meanwhile may be found or
    /// not. Copies on several nodes are one found job. Bodies are kept up to 64 MiB in all, and are nil beyond.
    ///
    /// - Parameters:
    ///   - limit: ends the search when so many jobs are found.
    ///   - progress: is told now and then how far a node is; may be called for several nodes at once.
    /// - Throws: `cancelled`. A node or a ledger that is away is told of in the result.
    public func find(
        matching filter: JobFilter, limit: Int = 1000,
        progress: @escaping @Sendable (JobSearch.Node) -> Void = { _ in }
    ) async throws(DelayQueueError) -> JobSearch {
        try await gather(filter, limit: limit, progress: progress)
    }

    // MARK: Parts

    var sealPolicy: SealPolicy {
        SealPolicy(keyRing: configuration.keyRing, unsealedJobs: configuration.unsealedJobs)
    }

    /// - Parameter endsWhenComplete: once all declared copies of the jobs found are there.
    private func gather(
        _ filter: JobFilter, limit: Int, endsWhenComplete: Bool = false,
        progress: @escaping @Sendable (JobSearch.Node) -> Void
    ) async throws(DelayQueueError) -> JobSearch {
        let gathering = NIOLockedValueBox(JobGathering(queue: queueName, policy: sealPolicy, limit: max(limit, 1)))
        let unread = NIOLockedValueBox(0)
        let (policy, queue) = (sealPolicy, queueName)
        var search = JobSearch()
        do {
            let sweeps = try await sweep(
                matching: { record in
                    let isMatch = record.flatMap { filter.fits($0, opening: policy, queue: queue) }
                    if isMatch == nil { unread.withLockedValue { $0 += 1 } }
                    return isMatch ?? false
                },
                progress: { progress(JobSearch.Node($0)) },
                found: { copies in
                    gathering.withLockedValue { gathering in
                        for copy in copies { gathering.add(copy) }
                        return !gathering.isLimited && !(endsWhenComplete && gathering.areComplete)
                    }
                })
            search.nodes = sweeps.map(JobSearch.Node.init)
        } catch {
            throw DelayQueueError(.cancelled, "the search was cancelled", underlying: error)
        }
        search.jobs = gathering.withLockedValue { $0.jobs }.sorted {
            ($0.fireTime, $0.id.description) < ($1.fireTime, $1.id.description)
        }
        search.isLimited = gathering.withLockedValue { $0.isLimited }
        search.unread = unread.withLockedValue { $0 }
        do throws(DelayQueueError) {
            try await addStatuses(to: &search.jobs)
        } catch {
            search.ledgerProblem = error
        }
        return search
    }

    private func ledgerTime() async throws(DelayQueueError) -> Timestamp {
        let request = LedgerRequest(
            key: LedgerKey(suspectsOf: queueName), operation: .time, timing: configuration.timing)
        guard case .time(let time) = try await carrier.perform(request) else { return .now() }
        return time
    }

    private func values(of id: JobID) async throws(DelayQueueError) -> [LedgerValue?] {
        try await carrier.read(LedgerKey.all(of: id, in: queueName))
    }

    private func addStatuses(to jobs: inout [FoundJob]) async throws(DelayQueueError) {
        let now = try await ledgerTime()
        for start in stride(from: 0, to: jobs.count, by: Self.batchSize) {
            let range = start..<min(start + Self.batchSize, jobs.count)
            let values = try await carrier.read(jobs[range].map(\.key.ofAnyEdition))
            for (index, value) in zip(range, values) {
                jobs[index].status = JobStatus(value, of: jobs[index].key, in: queueName, now: now)
            }
        }
    }

    /// How many jobs the ledger is asked about in one batch.
    static var batchSize: Int { 500 }

    // MARK: Known places

    /// What a node answered when it was asked for copies by their numbers.
    struct Look: Sendable {
        let address: ServerAddress
        let asked: Int
        var copies: [FoundCopy] = []
        /// Why it did not tell of all.
        var problem: String?
    }

    /// Looks at copies on the nodes that are known to have them. What else lies under such a number is told of too.
    func look(at ids: [ServerAddress: [BeanstalkJobID]]) async -> [Look] {
        await withTaskGroup(of: Look.self) { group in
            for place in places {
                guard let ids = ids[place.node.address], !ids.isEmpty else { continue }
                group.addTask { await Self.look(at: Array(Set(ids)), on: place) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    private static func look(at ids: [BeanstalkJobID], on place: Place) async -> Look {
        var look = Look(address: place.node.address, asked: ids.count)
        for start in stride(from: 0, to: ids.count, by: 64) {
            let outcome = await place.connection.execute(
                ids[start..<min(start + 64, ids.count)].flatMap { [.peek($0), .statsJob($0)] }, timeout: .seconds(5))
            for pair in stride(from: 0, to: outcome.replies.count - 1, by: 2) {
                guard case .found(let id, let bytes) = outcome.replies[pair],
                    case .ok(let text) = outcome.replies[pair + 1],
                    let statistics = try? JobStatistics(parsing: text), statistics.id == id,
                    let tube = place.node.copyTube(named: statistics.tube)
                else { continue }
                look.copies.append(
                    FoundCopy(
                        node: place.node, tube: tube, server: outcome.generation.serverID, id: id,
                        record: JobRecord(parsing: bytes), bytes: bytes, size: bytes.readableBytes,
                        statistics: statistics))
            }
            if let failure = outcome.failure {
                look.problem = "\(BeanstalkError(failure))"
                break
            }
        }
        return look
    }
}
