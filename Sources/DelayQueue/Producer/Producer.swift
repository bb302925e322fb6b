package import Beanstalk
public import Foundation
public import Logging

/// Schedules jobs on several independent nodes.
///
/// ```swift
/// let producer = try Producer(nodes: nodes, ledger: ledger)
/// let receipt = try await producer.at(date, "send invoice 42")
/// ```
///
/// However often the value is passed on, it stands for one producer, which any number of tasks may use. Nothing is
/// connected before the first call. All callers share one pipelined connection per node, and all the work is done by
/// one actor on the event loop of those connections. A job is accepted once ``ProducerConfiguration/minimumWritten``
/// nodes have acknowledged it; a refused job is deleted from the nodes that took it. When its copies are ready is told
/// by ``CopyMode``.
public struct Producer: Sendable {
    let engine: ProducerEngine
    let configuration: ProducerConfiguration
    package let queue: TubeName

    /// Runs tasks where the producer's connections run.
    ///
    /// A task that schedules one job after the other costs two hops between threads for each: to the event loop and
    /// back. One that prefers this executor stays there, which leaves little more than the nodes' own round trip:
    ///
    /// ```swift
    /// try await withTaskExecutorPreference(producer.taskExecutor) {
    ///     for invoice in invoices { try await producer.at(invoice.date, .json(invoice)) }
    /// }
    /// ```
    ///
    /// What runs there holds up every connection of the loop, so it must not block, nor compute for long. Code isolated
    /// to an actor with an executor of its own, such as `@MainActor`, runs where that actor does all the same.
    public var taskExecutor: any TaskExecutor { engine.loopExecutor }

    /// - Parameter nodes: independent beanstalkd servers, at least ``ProducerConfiguration/minimumWritten`` of them.
    /// - Parameter ledger: the consumers' ledger. With it a refused or revoked job does not run, even where a copy could
    ///   not be deleted, unless the refusal says ``DelayQueueError/mayStillFire``. The producer does not close it.
    /// - Throws: `invalidConfiguration`, listing every problem.
    public init(
        nodes: [BeanstalkNode],
        ledger: (any JobLedger)? = nil,
        configuration: ProducerConfiguration = .init(),
        logger: Logger = Logger(label: "DelayQueue.Producer")
    ) throws(DelayQueueError) {
        let problems = configuration.problems(nodes: nodes)
        guard problems.isEmpty else { throw DelayQueueError.invalidConfiguration(problems) }
        self.configuration = configuration
        self.queue = QueueName.resolve(nodes: nodes, queue: configuration.queue)
        self.engine = ProducerEngine(
            nodes: nodes, queue: queue, ledger: ledger?.access.carrier, configuration: configuration, logger: logger)
    }

    // MARK: Scheduling

    /// Schedules a job for an instant.
    ///
    /// Returns once enough nodes have acknowledged it. With a ledger that may be before the last copy, the lead, is on its
    /// node: it follows by itself, ``close(within:)`` waits for it, and the receipt does not tell its number. Cancelling the task before that refuses the job: the copies
    /// already written are deleted, and one whose outcome is not known yet is deleted when its answer comes.
    ///
    /// - Parameter date: the fire date, to the microsecond.
    /// - Parameter body: bytes, text, or `.json(value)`.
    /// - Returns: what ``revoke(_:)`` needs; it can be kept as one line of text.
    /// - Throws: `dateInPast`, `dateTooFar` (beyond 2^32−1 s), `bodyTooLarge`, `invalidHeader`, `invalidOption`,
    ///   `insufficientCopies` (`mayStillFire` says whether a copy may be left), `jobFinished` (the caller's own id is
    ///   revoked, done or dead), `idTaken` (it is that of another job, which waits or runs), `ledgerUnavailable` (nothing
    ///   was written, as a caller's own id could not be announced; or, with `mayStillFire`, it was not confirmed),
    ///   `cancelled`, `closed`.
    @discardableResult
    public func at(
        _ date: Date, _ body: some JobBody, options: JobOptions = .init()
    ) async throws(DelayQueueError) -> Receipt {
        try await schedule(JobRequest(at: date, body, options: options))
    }

    /// Schedules a job for some time from now.
    ///
    /// - Parameter duration: the time until the job fires, zero or more. See ``at(_:_:options:)`` for the rest.
    @discardableResult
    public func delay(
        _ duration: Duration, _ body: some JobBody, options: JobOptions = .init()
    ) async throws(DelayQueueError) -> Receipt {
        try await schedule(JobRequest(delay: duration, body, options: options))
    }

    private func schedule(_ request: JobRequest) async throws(DelayQueueError) -> Receipt {
        if engine.settledTime == nil { await engine.settleTime() }
        let results = await engine.schedule([try prepare(request, now: engine.time)])
        return try results[0].get()
    }

    /// Schedules many jobs in few round trips: the task suspends once per node and some thousand jobs, not once per
    /// job.
    ///
    /// Cancelling the task refuses the jobs that are not accepted yet, as in ``at(_:_:options:)``.
    ///
    /// - Returns: a receipt or an error for each request, in their order. One refused job does not affect the others.
    public func schedule(_ requests: [JobRequest]) async -> [Result<Receipt, DelayQueueError>] {
        var results: [Result<Receipt, DelayQueueError>?] = Array(repeating: nil, count: requests.count)
        if engine.settledTime == nil { await engine.settleTime() }
        await withTaskGroup(of: [(Int, Result<Receipt, DelayQueueError>)].self) { group in
            var rest = requests[...]
            var slicesUnderWay = 0
            while !rest.isEmpty {
                // While earlier jobs are on their way, the next ones are prepared.
                if slicesUnderWay == 3 { await Self.collect(group.next(), into: &results) } else { slicesUnderWay += 1 }
                let slice = prepare(takingFrom: &rest)
                for (position, error) in slice.errors { results[position] = .failure(error) }
                group.addTask { Array(zip(slice.positions, await engine.schedule(slice.jobs))) }
            }
            for await answers in group { Self.collect(answers, into: &results) }
        }
        return results.map { $0 ?? .failure(DelayQueueError(.closed, "the job was not written")) }
    }

    private static func collect(
        _ answers: [(Int, Result<Receipt, DelayQueueError>)]?, into results: inout [Result<Receipt, DelayQueueError>?]
    ) {
        for (position, result) in answers ?? [] { results[position] = result }
    }

    // MARK: Revoking

    /// Takes a job back before it runs.
    ///
    /// With a ledger the job is marked first, so it never runs even where a copy is on a node that is down. Without one
    /// the copies are deleted, and the answer is `incomplete` where one of them is unreachable, held by a consumer,
    /// gone while others were there, or of unknown outcome. Cancellation does not interrupt a revocation once it has
    /// begun.
    ///
    /// - Returns: `revoked`, `alreadyRunning` (a consumer's lease is valid), `alreadyDone`, or `incomplete`.
    /// - Throws: `ledgerUnavailable` (the job may be marked or not, no copy was touched; try again),
    ///   `ledgerMisconfigured`, `closed`.
    public func revoke(_ receipt: Receipt) async throws(DelayQueueError) -> RevokeOutcome {
        try await engine.revoke(.receipt(receipt)).get()
    }

    /// Takes many jobs back, a few hundred at a time; each as ``revoke(_:)-(Receipt)`` does.
    ///
    /// Cancelling the task leaves those alone that were not begun; their error is `cancelled`.
    ///
    /// - Parameter told: is given each job's place and outcome as soon as it is known, in any order.
    /// - Returns: an outcome or an error for each receipt, in their order.
    @discardableResult
    public func revoke(
        _ receipts: [Receipt],
        told: (Int, Result<RevokeOutcome, DelayQueueError>) async -> Void = { _, _ in }
    ) async -> [Result<RevokeOutcome, DelayQueueError>] {
        await revokeAll(receipts.map { .receipt($0) }, told: told)
    }

    /// Takes back the jobs that ids of your own mean at present, a few hundred at a time; each as ``revoke(_:)-(JobID)``
    /// does. For the rest see ``revoke(_:told:)-([Receipt],_)``.
    @discardableResult
    public func revoke(
        _ ids: [JobID], told: (Int, Result<RevokeOutcome, DelayQueueError>) async -> Void = { _, _ in }
    ) async -> [Result<RevokeOutcome, DelayQueueError>] {
        await revokeAll(ids.map { .id($0) }, told: told)
    }

    /// How many revocations are under way at the same time.
    private static let revocationsAtOnce = 512

    private func revokeAll(
        _ jobs: [ProducerEngine.JobToRevoke], told: (Int, Result<RevokeOutcome, DelayQueueError>) async -> Void
    ) async -> [Result<RevokeOutcome, DelayQueueError>] {
        let unbegun = DelayQueueError(.cancelled, "the job was not revoked: the call was cancelled before its turn")
        var results = jobs.map { _ in Result<RevokeOutcome, DelayQueueError>.failure(unbegun) }
        await withTaskGroup(of: (Int, Result<RevokeOutcome, DelayQueueError>).self) { group in
            var next = 0
            var underWay = 0
            while true {
                while next < jobs.count, underWay < Self.revocationsAtOnce, !Task.isCancelled {
                    let (index, job) = (next, jobs[next])
                    group.addTask(executorPreference: engine.loopExecutor) { (index, await engine.revoke(job)) }
                    next += 1
                    underWay += 1
                }
                guard let (index, result) = await group.next() else { break }
                underWay -= 1
                results[index] = result
                await told(index, result)
            }
        }
        return results
    }

    /// Takes back the job that an id of your own means at present, before it runs, whoever scheduled it.
    ///
    /// The ledger is told, which is enough: the job never runs, and each of its copies is deleted when it is due.
    /// Cancellation does not interrupt it once it has begun.
    ///
    /// - Parameter id: an id that was given in ``JobOptions/id``. A job with a generated id has no record until it runs,
    ///   and is revoked by its receipt.
    /// - Returns: `revoked`, `alreadyRunning`, `alreadyDone`, or `unknown`.
    /// - Throws: `invalidConfiguration` without a ledger; `ledgerUnavailable` (the job may be revoked or not; try again),
    ///   `ledgerMisconfigured`, `ledgerRecordUnreadable`, `closed`.
    public func revoke(_ id: JobID) async throws(DelayQueueError) -> RevokeOutcome {
        try await engine.revoke(.id(id)).get()
    }

    /// Tells how the job of an id of your own stands. Asks the ledger only, and changes nothing.
    ///
    /// - Parameter id: an id that was given in ``JobOptions/id``. A job with a generated id is `unknown` until it runs.
    /// - Throws: `invalidConfiguration` without a ledger; `ledgerUnavailable`, `ledgerMisconfigured`,
    ///   `ledgerRecordUnreadable`, `cancelled`.
    public func status(of id: JobID) async throws(DelayQueueError) -> JobStatus {
        guard let result = await engine.status(of: [LedgerKey(queue: queue, id: id)])?.first else {
            throw DelayQueueError(
                .invalidConfiguration, "without a ledger nobody knows how a job stands: give the producer one")
        }
        let reply = try result.get()
        guard let status = JobStatus(reply) else {
            throw DelayQueueError(
                .ledgerRecordUnreadable, "the ledger answered \(reply) where job \(id) was asked about")
        }
        return status
    }

    /// Whether any of some jobs with ids of one's own runs now. Asks the ledger once.
    ///
    /// - Throws: as ``status(of:)``.
    package func isAnyRunning(_ ids: [JobID]) async throws(DelayQueueError) -> Bool {
        guard let results = await engine.status(of: ids.map { LedgerKey(queue: queue, id: $0) }) else { return false }
        for result in results where JobStatus(try result.get())?.state == .running { return true }
        return false
    }

    /// The time by which dates and delays are reckoned; the ledger's once ``settleTime()`` has returned.
    package var now: Date { engine.time.date }

    /// Waits, not for long, until the ledger has told its time.
    package func settleTime() async {
        if engine.settledTime == nil { await engine.settleTime() }
    }

    // MARK: Closing

    /// Waits for the calls under way, and for leads that accepted jobs are owed; then closes every connection. Later calls
    /// throw `closed`.
    ///
    /// Not interrupted by cancellation.
    ///
    /// - Parameter limit: the longest wait for calls under way. Jobs that are not decided by then are refused, and
    ///   copies that cannot be taken back at once may still fire, as the errors of their calls say. Jobs whose leads are
    ///   not stored by then run from their standbys.
    public func close(within limit: Duration = .seconds(10)) async {
        await engine.close(within: limit)
    }
}
