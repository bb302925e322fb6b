public import Logging

/// A stream of due jobs, each run once across all consumers of a queue.
///
/// ```swift
/// for try await job in consumer {
///     try await send(job.body)
///     try await job.complete()
/// }
/// ```
///
/// Iterating starts the consumer; nothing else needs to be running. Several tasks may iterate the same consumer and
/// share its jobs. The stream ends after ``finish()`` or ``close(within:)``; outages of nodes or ledger do not end it,
/// and only a configuration that can never work (`ledgerMisconfigured`) throws. A cancelled task gets
/// `CancellationError`.
///
/// Other consumers cannot run what this one has reserved, so it reserves only what the application is about to ask for;
/// a consumer that nobody iterates holds nothing.
public struct Consumer: AsyncSequence, Sendable {
    public typealias Element = Job

    let engine: ConsumerEngine

    /// - Parameter nodes: every node the producers of this queue write to.
    /// - Parameter ledger: decides which copy of a job runs; shared by all consumers of the queue. The consumer does
    ///   not close it.
    /// - Throws: `invalidConfiguration`, listing every problem.
    public init(
        nodes: [BeanstalkNode],
        ledger: any JobLedger,
        configuration: ConsumerConfiguration = .init(),
        logger: Logger = Logger(label: "DelayQueue.Consumer")
    ) throws(DelayQueueError) {
        let problems = configuration.problems(nodes: nodes)
        guard problems.isEmpty else { throw DelayQueueError.invalidConfiguration(problems) }
        self.engine = ConsumerEngine(
            nodes: nodes, ledger: ledger.access.carrier, configuration: configuration,
            queue: QueueName.resolve(nodes: nodes, queue: configuration.queue), logger: logger)
    }

    /// Runs tasks where the consumer's connections run.
    ///
    /// Taking a job and waiting for its completion costs a task two hops between threads each: to the event loop and
    /// back. Tasks that prefer this executor stay there:
    ///
    /// ```swift
    /// try await withTaskExecutorPreference(consumer.taskExecutor) {
    ///     try await consumer.run(concurrency: 64) { job in try await send(job.body) }
    /// }
    /// ```
    ///
    /// What runs there holds up every connection of the loop, so it must not block, nor compute for long. Code isolated
    /// to an actor with an executor of its own, such as `@MainActor`, runs where that actor does all the same.
    public var taskExecutor: any TaskExecutor { engine.loopExecutor }

    public func makeAsyncIterator() -> Iterator {
        Iterator(engine: engine)
    }

    /// Ends the stream: iterating tasks get nil once they ask for the next job, nothing more is reserved, and what was
    /// fetched ahead goes back to the queue. Jobs already delivered can still be settled.
    public func finish() async {
        await engine.finish()
    }

    /// Ends the stream, waits for delivered jobs to be settled, and closes the connections.
    ///
    /// Not interrupted by cancellation. Do not await it while holding an unsettled job: it would wait for that job.
    ///
    /// - Parameter limit: how long jobs may take to be settled. Those that are not settled by then go back to the
    ///   queue, and settling them throws `closed`. Where a ledger or node is away, giving them back may take two
    ///   seconds more.
    public func close(within limit: Duration = .seconds(10)) async {
        await engine.close(within: limit)
    }

    /// What is still waited for after a while is waited for no longer: what is not settled by then is left to its lease.
    /// Called by whoever has a deadline, before or while the consumer ends.
    package func stop(after limit: Duration) { engine.stop(after: limit) }

    /// Returns once a task has asked for a job, or nobody will.
    package func begun() async { await engine.deliveries.begun() }

    /// Ends the consumer as the death of its process would: nothing is settled or given back. For tests of what others do
    /// then.
    package func crash() async { await engine.crash() }

    /// How long after a deadline settling and closing may take, together.
    package static let settlingGrace = Duration.milliseconds(1500)

    /// Takes jobs for one task; make one for each task that iterates.
    public struct Iterator: AsyncIteratorProtocol {
        private let engine: ConsumerEngine
        private var registration: Registration?

        /// - Parameter registration: counts the iterators that share it as one; where nil, the iterator makes one of
        ///   its own when it is first asked for a job.
        init(engine: ConsumerEngine, registration: Registration? = nil) {
            self.engine = engine
            self.registration = registration
        }

        /// The next job; waits until one is due and claimed.
        ///
        /// - Returns: nil after ``Consumer/finish()`` or ``Consumer/close(within:)``.
        /// - Throws: `CancellationError` when the task is cancelled; `DelayQueueError` with `ledgerMisconfigured`.
        public mutating func next() async throws -> Job? {
            if registration == nil { registration = Registration(engine: engine) }
            return try await engine.deliveries.next { [engine] in engine.poke() }
        }
    }

    /// Counts an iterator for as long as any copy of it is in use.
    final class Registration: Sendable {
        private let engine: ConsumerEngine

        init(engine: ConsumerEngine) {
            self.engine = engine
            engine.iteratorStarted()
        }

        deinit {
            engine.iteratorEnded()
        }
    }
}
