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
    /// is done. A job of which a copy was added has a record in the ledger, about 100 bytes, from then on.
    ///
    /// Nothing is written where a node that is not left out could not be looked through: the report says so. An added copy
    /// runs only by a record in the ledger, or after a copy that its producer wrote: where Redis loses its records, a job
    /// of which only added copies are left is put aside. See guarantees.md.
    ///
    /// - Parameters:
    ///   - excluded: nodes that are to be taken away, or are gone: what is on them counts as missing, and none is written
    ///     there. Where ``CopyReport/isComplete`` says so they may be taken away afterwards, if producers wrote nothing more
    ///     to them from some minutes before the call on.
    ///   - progress: told after each batch.
    /// - Throws: `invalidConfiguration`, where an excluded node is none of the queue's; the ledger's errors where it
    ///   does not serve, after which the copies written by then stay; `CancellationError`.
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
                    for copy in copies {
                        let isLeft = left.contains { places[$0].node == copy.node }
                        let isTaken = take(copy, &found.census, &found.report, isNewcomer: !earlier.isEmpty)
                        if isLeft, !isTaken { found.report.leftBehind += 1 }
                    }
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
            guard let failure = sweeps.0.failure ?? sweeps.1.failure else {
                report.mayHaveMissed += sweeps.1.ids?.mayHaveMissed ?? 0
                continue
            }
            report.unseenNodes[place.node.address] = "\(failure)"
        }
        return (report, census)
    }

    /// - Returns: whether other copies of its job may be written.
    private func take(
        _ copy: FoundCopy, _ census: inout JobCensus, _ report: inout CopyReport, isNewcomer: Bool
    ) -> Bool {
        guard copy.statistics.state != .buried, let node = places.firstIndex(where: { $0.node == copy.node }) else {
            return false
        }
        let record = copy.record == nil ? nil : JobRecord(parsing: copy.bytes, opening: sealPolicy, queue: queueName)
        let isJob = record.map { census.add($0, copy.id, on: node, queue: queueName, isNewcomer: isNewcomer) } ?? false
        if !isJob { report.unreadableRecords += 1 }
        return isJob
    }

    private func counts(_ census: JobCensus) -> [ServerAddress: Int] {
        Dictionary(uniqueKeysWithValues: zip(places.map(\.node.address), census.copies))
    }

    // MARK: Adding

    private func add(_ additions: [CopyAddition], minimumAge: Int, _ report: inout CopyReport) async throws {
        try Task.checkCancellation()
        let owner = ClaimOwner.random()
        let answers = await carrier.perform(additions.map { $0.question(owner, timing: configuration.timing) })
        var wanted: [CopyAddition] = []
        for (addition, answer) in zip(additions, answers) {
            switch answer {
            case .success(let reply) where addition.isWanted(after: reply): wanted.append(addition)
            case .success: report.endedMeanwhile += 1
            case .failure(let error):
                // One record that cannot be read, or that this user may not touch, does not keep the rest from being mended.
                let isOfOne =
                    error.code == .ledgerRecordUnreadable
                    || error.code == .ledgerMisconfigured && addition.key.isSharedWithGoQueue
                guard isOfOne else { throw error }
                report.untold += 1
                report.ledgerProblem = error.message
            }
        }
        let looks = await ask(wanted.map { ($0.source.node, $0.look) })
        let now = Timestamp.now()
        let writes = zip(wanted, looks).map { addition, replies in
            addition.commands(
                after: replies, on: places[addition.target].node, seals: sealPolicy, queue: queueName, now: now,
                minimumAge: minimumAge)
        }
        let outcomes = await ask(zip(wanted, writes).map { ($0.target, $1) })
        report.passedOver += writes.count { $0.isEmpty }
        for (addition, (commands, replies)) in zip(wanted, zip(writes, outcomes)) where !commands.isEmpty {
            let address = places[addition.target].node.address
            switch addition.outcome(of: replies) {
            case .stored: report.addedCopies += 1
            case .refused(let reply): report.refusals[address] = reply.word
            case .unknown: report.refusals[address] = "it did not answer"
            }
        }
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
