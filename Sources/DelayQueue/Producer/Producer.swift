import Beanstalk
public import Foundation
public import Logging
import NIOCore
import NIOPosix
import PipelinedTransport

/// Schedules jobs on several independent nodes.
///
/// ```swift
/// let producer = try Producer(nodes: nodes, ledger: ledger)
/// let receipt = try await producer.at(date, "send invoice 42")
/// ```
///
/// Nothing is connected before the first call. All callers share one pipelined connection per node, and the actor
/// runs on the event loop of those connections. A job is accepted once ``ProducerConfiguration/minimumWritten`` nodes
/// have acknowledged it; a refused job is deleted from the nodes that took it.
public actor Producer {
    public nonisolated let unownedExecutor: UnownedSerialExecutor

    /// Runs tasks where the producer's connections run.
    ///
    /// A task that schedules one job after the other costs two hops between threads for each: to the event loop and back.
    /// One that prefers this executor stays there, which leaves little more than the nodes' own round trip:
    ///
    /// ```swift
    /// try await withTaskExecutorPreference(producer.taskExecutor) {
    ///     for invoice in invoices { try await producer.at(invoice.date, .json(invoice)) }
    /// }
    /// ```
    ///
    /// What runs there holds up every connection of the loop, so it must not block, nor compute for long. Code isolated to
    /// an actor with an executor of its own, such as `@MainActor`, runs where that actor does all the same.
    public nonisolated var taskExecutor: any TaskExecutor { loopExecutor }

    /// The nodes jobs are written to.
    public nonisolated let nodes: [BeanstalkNode]
    nonisolated let configuration: ProducerConfiguration
    nonisolated let queue: TubeName
    nonisolated let ledger: (any JobLedger)?
    nonisolated let eventLoop: any EventLoop
    nonisolated let loopExecutor: EventLoopTaskExecutor
    nonisolated let connections: [BeanstalkConnection]
    nonisolated let metrics: ProducerMetrics
    nonisolated let logger: Logger

    /// For each slow node, the number of replies it had sent when it missed the grace.
    var slowNodes: [Int: UInt64] = [:]
    /// Single calls that wait to be written, and those whose fate is open.
    nonisolated let gathered = GatheredJobs()
    var underway: [UInt64: (write: Write, job: Int)] = [:]
    /// Writes of single calls that are not over.
    var writes: [UInt64: Write] = [:]
    var lastWrite: UInt64 = 0
    var graceTimer: Scheduled<Void>?
    var inFlight = 0
    var isClosed = false
    private var idleWaiters: [CheckedContinuation<Void, Never>] = []

    /// - Parameter nodes: independent beanstalkd servers, at least ``ProducerConfiguration/minimumWritten`` of them.
    /// - Parameter ledger: the consumers' ledger. With it a refused or revoked job is certain never to run, even where
    ///   a copy could not be deleted. The producer does not close it.
    /// - Throws: `invalidConfiguration`, listing every problem.
    public init(
        nodes: [BeanstalkNode],
        ledger: (any JobLedger)? = nil,
        configuration: ProducerConfiguration = .init(),
        logger: Logger = Logger(label: "DelayQueue.Producer")
    ) throws(DelayQueueError) {
        let problems = configuration.problems(nodes: nodes)
        guard problems.isEmpty else { throw DelayQueueError.invalidConfiguration(problems) }
        let eventLoop = configuration.eventLoop ?? MultiThreadedEventLoopGroup.singleton.next()
        self.unownedExecutor = eventLoop.executor.asUnownedSerialExecutor()
        self.nodes = nodes
        self.configuration = configuration
        self.queue = QueueName.resolve(nodes: nodes, queue: configuration.queue)
        self.ledger = ledger
        self.eventLoop = eventLoop
        self.loopExecutor = EventLoopTaskExecutor(eventLoop)
        self.connections = nodes.map { node in
            BeanstalkConnection.beanstalk(
                node.address, useTube: node.tube, configuration: configuration.connection, eventLoop: eventLoop,
                logger: logger)
        }
        self.metrics = ProducerMetrics(queue: "\(queue)")
        self.logger = logger
    }

    // MARK: Scheduling

    /// Schedules a job for an instant.
    ///
    /// Returns once enough nodes have acknowledged it. Cancelling the task before that refuses the job: the copies
    /// already written are deleted, and one whose outcome is not known yet is deleted when its answer comes.
    ///
    /// - Parameter date: the fire date, to the microsecond.
    /// - Parameter body: bytes, text, or `.json(value)`.
    /// - Returns: what ``revoke(_:)`` needs; it can be kept as one line of text.
    /// - Throws: `dateInPast`, `dateTooFar` (beyond 2^32−1 s), `bodyTooLarge`, `invalidHeader`, `invalidOption`,
    ///   `insufficientCopies` (`mayStillFire` says whether a copy may be left), `jobFinished` (the caller's own id
    ///   is revoked, done or dead), `ledgerUnavailable` (a caller's own id could not be looked up), `cancelled`, `closed`.
    @discardableResult
    public nonisolated func at(
        _ date: Date, _ body: some JobBody, options: JobOptions = .init()
    ) async throws(DelayQueueError) -> Receipt {
        try await schedule(JobRequest(at: date, body, options: options))
    }

    /// Schedules a job for some time from now.
    ///
    /// - Parameter duration: the time until the job fires, zero or more. See ``at(_:_:options:)`` for the rest.
    @discardableResult
    public nonisolated func delay(
        _ duration: Duration, _ body: some JobBody, options: JobOptions = .init()
    ) async throws(DelayQueueError) -> Receipt {
        try await schedule(JobRequest(delay: duration, body, options: options))
    }

    /// Schedules many jobs: one suspension per node and some thousand jobs, not per job.
    ///
    /// Cancelling the task refuses the jobs that are not accepted yet, as in ``at(_:_:options:)``.
    ///
    /// - Returns: a receipt or an error for each request, in their order. One refused job does not affect the others.
    public nonisolated func schedule(_ requests: [JobRequest]) async -> [Result<Receipt, DelayQueueError>] {
        var results: [Result<Receipt, DelayQueueError>?] = Array(repeating: nil, count: requests.count)
        await withTaskGroup(of: [(Int, Result<Receipt, DelayQueueError>)].self) { group in
            var rest = requests[...]
            var slicesUnderWay = 0
            while !rest.isEmpty {
                // While some are on their way the next are made.
                if slicesUnderWay == 3 { await Self.collect(group.next(), into: &results) } else { slicesUnderWay += 1 }
                let slice = prepare(takingFrom: &rest)
                for (position, error) in slice.errors { results[position] = .failure(error) }
                group.addTask { Array(zip(slice.positions, await self.submit(slice.jobs))) }
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

    private nonisolated func schedule(_ request: JobRequest) async throws(DelayQueueError) -> Receipt {
        let job = try prepare(request, now: .now())
        // An id that may have been used before is looked up first.
        if job.hasFreshID || ledger == nil { return try await write(job).get() }
        guard let result = await submit([job]).first else {
            throw DelayQueueError(.closed, "the job was not written")
        }
        return try result.get()
    }

    // MARK: Closing

    /// Waits for the calls under way, then closes every connection; later calls throw `closed`.
    ///
    /// Not interrupted by cancellation.
    ///
    /// - Parameter limit: the longest wait for calls under way; they are then refused.
    public func close(within limit: Duration = .seconds(10)) async {
        isClosed = true
        var timer: Scheduled<Void>?
        await withCheckedContinuation { waiter in
            // Looked at, and the limit set, only here: where the task prefers an executor, getting here takes a turn of
            // the loop, in which the last call may end.
            if inFlight == 0 { return waiter.resume() }
            idleWaiters.append(waiter)
            timer = eventLoop.scheduleTask(in: TimeAmount(limit)) {
                self.assumeIsolated { $0.resumeIdleWaiters() }
            }
        }
        timer?.cancel()
        for connection in connections { await connection.close(drainingFor: .milliseconds(500)) }
    }

    private func resumeIdleWaiters() {
        let waiters = idleWaiters
        idleWaiters = []
        for waiter in waiters { waiter.resume() }
    }

    /// Takes the place of a call under way; every call ends it with ``endCall()``.
    func beginCall() throws(DelayQueueError) {
        if isClosed { throw DelayQueueError(.closed, "the producer is closed") }
        inFlight += 1
    }

    func endCall() {
        inFlight -= 1
        if inFlight == 0 { resumeIdleWaiters() }
    }
}
