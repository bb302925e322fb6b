import Beanstalk
import NIOConcurrencyHelpers
public import PipelinedTransport

// Copies that are missing: of jobs whose node was lost, came back empty, or is to be taken away.
extension QueueOperations {
    /// How many additions are under way at the same time: what is looked at for them is held in memory.
    private static let additionsAtOnce = 64

    /// After the first look through the nodes so long is waited for calls that were writing jobs then.
    private static let settlingTime = Duration.seconds(2)

    private static let timeout = Duration.seconds(10)

    /// Looks at all copies of the queue, and tells how many are missing. Changes nothing.
    ///
    /// Every job of every node is looked at, so that this takes seconds for a million of them. A job lacks a copy where it has
    /// fewer than were planned, or than there are nodes that are not left out. Copies that consumers put aside do not count.
    ///
    /// - Parameters:
    ///   - excluded: nodes that are to be taken away, or are gone: what is on them counts as missing.
    ///   - progress: told now and then how many copies were seen.
    /// - Throws: `invalidConfiguration`, where an excluded node is none of the queue's; `CancellationError`.
    public func checkCopies(
        without excluded: Set<ServerAddress> = [], progress: @escaping @Sendable (CopyReport) -> Void = { _ in }
    ) async throws -> CopyReport {
        try await census(without: excluded, progress: progress).report
    }

    /// Writes the copies that are missing, so that each job has those that were planned.
    ///
    /// No copy is deleted, moved or reserved, so that a job never has fewer than before. Interrupted at any moment, or done
    /// twice, it does no harm: it may have written copies of jobs that had all of them, which consumers delete when the job
    /// is done. A job of which a copy was added has a record in the ledger, about 100 bytes, until it is over; such a
    /// record lasts for the whole `retention` after that.
    ///
    /// Nothing is written where a node that is not left out could not be looked through: the report says so.
    ///
    /// - Parameters:
    ///   - excluded: nodes that are to be taken away, or are gone: what is on them counts as missing, and none is written
    ///     there. Afterwards they may be taken away, where ``CopyReport/isComplete`` says so, and nothing is written to
    ///     them any more.
    ///   - progress: told after each batch.
    /// - Throws: `invalidConfiguration`, where an excluded node is none of the queue's; the ledger's errors, of which all
    ///   but the copies written by then comes to nothing; `CancellationError`.
    public func repairCopies(
        without excluded: Set<ServerAddress> = [], progress: @escaping @Sendable (CopyReport) -> Void = { _ in }
    ) async throws -> CopyReport {
        try await repairCopies(without: excluded, minimumAge: CopyAddition.minimumAge, progress: progress)
    }

    /// - Parameter minimumAge: of the copies of whose jobs others are added, in seconds.
    package func repairCopies(
        without excluded: Set<ServerAddress> = [], minimumAge: Int,
        progress: @escaping @Sendable (CopyReport) -> Void = { _ in }
    ) async throws -> CopyReport {
        var (report, census) = try await census(without: excluded, progress: progress)
        guard report.unseenNodes.isEmpty else { return report }
        let targets = Set(places.indices)
        var additions: [CopyAddition] = []
        for entry in census.incomplete {
            additions += census.additions(to: entry, on: targets)
            guard additions.count >= Self.additionsAtOnce else { continue }
            try await add(additions, minimumAge: minimumAge, &report)
            additions = []
            progress(report)
        }
        if !additions.isEmpty { try await add(additions, minimumAge: minimumAge, &report) }
        progress(report)
        return report
    }

    // MARK: Looking

    private func census(
        without excluded: Set<ServerAddress>, progress: @escaping @Sendable (CopyReport) -> Void
    ) async throws -> (report: CopyReport, census: JobCensus) {
        let strangers = excluded.filter { place($0) == nil }.map(\.description).sorted()
        guard strangers.isEmpty else {
            throw DelayQueueError(
                .invalidConfiguration,
                "\(strangers.joined(separator: ", ")) is none of the queue's nodes, which are "
                    + places.map(\.node.address.description).joined(separator: ", "))
        }
        let left = Set(places.indices.filter { excluded.contains(places[$0].node.address) })
        let found = NIOLockedValueBox(
            (
                census: JobCensus(nodes: places.count, excluding: left, plannedCopies: configuration.copies),
                report: CopyReport()
            ))
        func look(after earlier: [NodeSweep]) async throws -> [NodeSweep] {
            try await sweep(after: earlier) { copies in
                let report = found.withLockedValue { found in
                    for copy in copies { take(copy, &found.census, &found.report, isNewcomer: !earlier.isEmpty) }
                    found.report.copies = counts(found.census)
                    return found.report
                }
                progress(report)
                return true
            }
        }
        let first = try await look(after: [])
        try await Task.sleep(for: Self.settlingTime)
        let second = try await look(after: first)
        var (census, report) = found.withLockedValue { $0 }
        report.jobs = census.jobs
        report.copies = counts(census)
        let incomplete = census.incomplete
        report.incompleteJobs = incomplete.count
        report.missingCopies = incomplete.reduce(0) { $0 + census.missing(of: $1) }
        for (place, sweeps) in zip(places, zip(first, second)) where !excluded.contains(place.node.address) {
            guard let reason = Self.problem(sweeps.0) ?? Self.problem(sweeps.1) else { continue }
            report.unseenNodes[place.node.address] = reason
        }
        return (report, census)
    }

    private static func problem(_ sweep: NodeSweep) -> String? {
        if let failure = sweep.failure { return "\(failure)" }
        let missed = sweep.ids?.mayHaveMissed ?? 0
        return missed > 0 ? "up to \(missed) of its jobs were not found" : nil
    }

    private func take(
        _ copy: FoundCopy, _ census: inout JobCensus, _ report: inout CopyReport, isNewcomer: Bool
    ) {
        guard copy.statistics.state != .buried, let node = places.firstIndex(where: { $0.node == copy.node }) else {
            return
        }
        let record = copy.record == nil ? nil : JobRecord(parsing: copy.bytes, opening: seals, queue: queueName)
        let isJob = record.map { census.add($0, copy.id, on: node, queue: queueName, isNewcomer: isNewcomer) } ?? false
        if !isJob { report.unreadableRecords += 1 }
    }

    private func counts(_ census: JobCensus) -> [ServerAddress: Int] {
        Dictionary(uniqueKeysWithValues: zip(places.map(\.node.address), census.copies))
    }

    private var seals: SealPolicy {
        SealPolicy(keyRing: configuration.keyRing, unsealedJobs: configuration.unsealedJobs)
    }

    // MARK: Adding

    private func add(_ additions: [CopyAddition], minimumAge: Int, _ report: inout CopyReport) async throws {
        try Task.checkCancellation()
        let owner = ClaimOwner.random()
        let answers = await carrier.perform(additions.map { $0.question(owner, timing: configuration.timing) })
        var wanted: [CopyAddition] = []
        for (addition, answer) in zip(additions, answers) where addition.isWanted(after: try answer.get()) {
            wanted.append(addition)
        }
        let looks = await ask(wanted.map { ($0.source.node, $0.look) })
        let now = Timestamp.now()
        let writes = zip(wanted, looks).map { addition, replies in
            addition.commands(
                after: replies, on: places[addition.target].node, seals: seals, queue: queueName, now: now,
                minimumAge: minimumAge)
        }
        let outcomes = await ask(zip(wanted, writes).map { ($0.target, $1) })
        var misplaced: [(Int, [BeanstalkCommand])] = []
        report.passedOver += additions.count - writes.count { !$0.isEmpty }
        for (addition, (commands, replies)) in zip(wanted, zip(writes, outcomes)) where !commands.isEmpty {
            let address = places[addition.target].node.address
            switch addition.outcome(of: replies) {
            case .stored: report.addedCopies += 1
            case .misplaced(let id):
                report.refusals[address] = "it has no memory left"
                misplaced.append((addition.target, [.delete(id)]))
            case .refused(let reply): report.refusals[address] = reply.word
            case .unknown: report.refusals[address] = "it did not answer"
            }
        }
        _ = await ask(misplaced)
    }

    /// Sends each node what it is to be sent, in one go, all at the same time.
    ///
    /// - Returns: the replies for each of the requests in its place; fewer where a node did not answer.
    private func ask(_ requests: [(node: Int, commands: [BeanstalkCommand])]) async -> [[BeanstalkReply]] {
        let replies = await withTaskGroup(of: (Int, [BeanstalkReply]).self) { group in
            for node in Set(requests.map(\.node)) {
                let commands = requests.lazy.filter { $0.node == node }.flatMap(\.commands)
                guard !commands.isEmpty else { continue }
                group.addTask {
                    (node, await places[node].connection.execute(Array(commands), timeout: Self.timeout).replies)
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1[...] }
        }
        var rest = replies
        return requests.map { node, commands in
            let own = rest[node]?.prefix(commands.count) ?? []
            rest[node]?.removeFirst(own.count)
            return Array(own)
        }
    }
}
