import Beanstalk
import Logging
import Metrics
import NIOCore
import NIOPosix
import PipelinedTransport

/// Carries out what a ``ConsumerCore`` decides: talks to the nodes and the ledger, keeps the timer, serves the
/// application.
///
/// All of it runs on one event loop. While anybody iterates, one task (the `runner`) keeps a pump per link and a few
/// for the ledger; each pump sends what has gathered since its last batch, so batches grow with the load. When the last
/// iterator is gone and every job settled, the pumps end and the connections close.
actor ConsumerEngine: JobOwner {
    private enum Message: Sendable {
        case iteratorStarted
        case iteratorEnded
        /// The queue was paused, or resumed.
        case boardChanged
        /// The continuation, where somebody waits for the end of it.
        case settle(HeldJobID, Settlement, CheckedContinuation<DelayQueueError?, Never>?)
    }

    nonisolated let unownedExecutor: UnownedSerialExecutor
    nonisolated let deliveries: DeliveryQueue
    nonisolated let configuration: ConsumerConfiguration
    nonisolated let clock: any EngineClock
    nonisolated let queue: TubeName
    nonisolated let nodes: [BeanstalkNode]
    nonisolated let logger: Logger
    nonisolated let metrics: ConsumerMetrics
    private nonisolated let inbox = Inbox<Message>()
    nonisolated let eventLoop: any EventLoop
    nonisolated let loopExecutor: EventLoopTaskExecutor

    /// Batches of ledger requests under way at once: while one waits for its reply, the next can leave.
    private static let ledgerPumps = 3
    /// How many of the jobs that a stop leaves unsettled are named in the log.
    static let namedJobs = 20

    /// One for each link of the core.
    let connections: [BeanstalkConnection]
    /// How many bytes of records each may still bring: as many as its batch under way may.
    let allowances: [NIOLoopBoundBox<Int>]
    let ledger: any LedgerCarrier
    var core: ConsumerCore
    /// The states of the jobs that were handed to the application.
    private var states: [HeldJobID: JobState] = [:]
    var settleWaiters: [UInt64: CheckedContinuation<DelayQueueError?, Never>] = [:]
    private var lastSettleWaiter: UInt64 = 0
    /// What each pump waits on while it has nothing to send.
    let linkSignals: [WakeSignal]
    let ledgerSignals: [WakeSignal]
    /// Links with a reserve under way that waits, and nothing else.
    var isWaiting: [Bool]
    /// Links whose nodes could not be reached are left alone until then.
    var retryAt: [NIODeadline?]
    var ledgerBatchesUnderway = 0
    /// What was reported to be away, so that an outage is logged and counted once.
    var awayNodes: Set<Int> = []
    var isLedgerAway = false
    /// To which a connection was cut while it waited, so that this is logged once.
    var cutNodes: Set<Int> = []
    /// Of what strangers put into the queue's tubes.
    private var strangersBudget = LogBudget()
    private var timer = TickTimer()
    private var scheduledTick: Scheduled<Void>?
    private var iterators = 0
    var hasFinished = false

    /// Of a ledger that tells of the queue's pauses by itself.
    var boardWatch: BoardWatch?

    /// The one unstructured task: iteration starts it, the end of iteration ends it, ``close(within:)`` awaits it.
    var runner: Task<Void, Never>?
    var isEnding = false
    /// The pumps were stopped with work left: nothing can be settled any more.
    var isStopped = false
    var mustRestart = false
    /// Ends everything at the deadline of whoever stops the consumer.
    var stop: (task: Scheduled<Void>, at: NIODeadline)?

    init(
        nodes: [BeanstalkNode], ledger: any LedgerCarrier, configuration: ConsumerConfiguration, queue: TubeName,
        logger: Logger
    ) {
        let eventLoop = configuration.eventLoop ?? MultiThreadedEventLoopGroup.singleton.next()
        self.unownedExecutor = eventLoop.executor.asUnownedSerialExecutor()
        self.eventLoop = eventLoop
        self.loopExecutor = EventLoopTaskExecutor(eventLoop)
        self.configuration = configuration
        self.clock = configuration.clock
        self.deliveries = DeliveryQueue(
            isAtMostOnce: configuration.deliveryGuarantee == .atMostOnce, clock: configuration.clock)
        self.queue = queue
        self.nodes = nodes
        self.ledger = ledger
        var logger = logger
        logger[metadataKey: LogKey.queue] = "\(queue)"
        self.logger = logger
        self.metrics = ConsumerMetrics(queue: "\(queue)")
        let allowances = (0..<(nodes.count * 2)).map { _ in NIOLoopBoundBox.makeBoxSendingValue(0, eventLoop: eventLoop)
        }
        self.allowances = allowances
        self.connections =
            nodes.enumerated().map { link, node in
                BeanstalkConnection.consuming(
                    node.address, watchTubes: [node.tube, node.standbyTube],
                    maximumBodySize: configuration.maximumRecordSize, allowance: allowances[link],
                    configuration: configuration.connection, eventLoop: eventLoop, logger: logger)
            }
            + nodes.enumerated().map { index, node in
                BeanstalkConnection.consuming(
                    node.address, useTube: node.standbyTube, maximumBodySize: configuration.maximumRecordSize,
                    allowance: allowances[nodes.count + index], configuration: configuration.connection,
                    eventLoop: eventLoop, logger: logger)
            }
        self.core = ConsumerCore(settings: .init(configuration, nodes: nodes, queue: queue))
        self.linkSignals = connections.map { _ in WakeSignal() }
        self.ledgerSignals = (0..<Self.ledgerPumps).map { _ in WakeSignal() }
        self.isWaiting = connections.map { _ in false }
        self.retryAt = connections.map { _ in nil }
    }

    // MARK: From any thread

    /// Asks the engine to look at its inbox and at the demand, once however often it is called meanwhile.
    nonisolated func poke() {
        if inbox.post(nil) { scheduleTurn() }
    }

    private nonisolated func post(_ message: Message) {
        if inbox.post(message) { scheduleTurn() }
    }

    private nonisolated func scheduleTurn() {
        eventLoop.execute {
            self.assumeIsolated { $0.turn() }
        }
    }

    nonisolated func boardChanged() { post(.boardChanged) }

    nonisolated func iteratorStarted() {
        clock.busyTasksChanged(by: 1)
        post(.iteratorStarted)
    }

    nonisolated func iteratorEnded() {
        clock.busyTasksChanged(by: -1)
        post(.iteratorEnded)
    }

    /// - Returns: nil once the ledger has confirmed the settlement.
    nonisolated func settle(_ id: HeldJobID, _ settlement: Settlement) async -> DelayQueueError? {
        await withCheckedContinuation { waiter in
            // It waits for the ledger, and not the other way round.
            clock.busyTasksChanged(by: -1)
            post(.settle(id, settlement, waiter))
        }
    }

    nonisolated func resume(
        _ waiter: CheckedContinuation<DelayQueueError?, Never>?, returning error: DelayQueueError?
    ) {
        guard let waiter else { return }
        clock.busyTasksChanged(by: 1)
        waiter.resume(returning: error)
    }

    nonisolated func settleSoon(_ id: HeldJobID, _ settlement: Settlement) {
        post(.settle(id, settlement, nil))
    }

    nonisolated func dropped(_ id: HeldJobID, job: JobID, isLeaseLost: Bool) {
        if !isLeaseLost {
            logger.warning("job was dropped unsettled; it goes back to the queue", metadata: [LogKey.job: "\(job)"])
        }
        post(.settle(id, .giveBack(after: .zero), nil))
    }

    nonisolated func report(_ error: DelayQueueError, of job: JobID) {
        logger.warning(
            "job could not be settled; it may run again", metadata: [LogKey.job: "\(job)", LogKey.error: "\(error)"])
    }

    nonisolated func policyDelay(afterFailures failures: Int) -> Duration? {
        configuration.retryPolicy.delay(afterFailures: failures, chance: Double.random(in: 0...1))
    }

    // MARK: Turns

    /// Takes in what happened on other threads, then carries out what follows.
    private func turn() {
        let now = clock.read()
        for message in inbox.take() {
            switch message {
            case .iteratorStarted:
                iterators += 1
                if !hasFinished { start() }
            case .iteratorEnded:
                iterators -= 1
                if iterators == 0 { giveBackUndelivered(deliveries.recallAll(), now: now); core.drain(now: now) }
            case .boardChanged:
                guard runner != nil, !isEnding else { continue }
                tellLoad()
                core.checkIn(now: now)
            case .settle(_, _, let waiter) where isStopped:
                resume(waiter, returning: .closedUnsettled)
            case .settle(let id, let settlement, let waiter):
                core.settle(id, settlement, waiter: waiter.map(register), now: now)
            }
        }
        flush(now: now)
    }

    private func register(_ waiter: CheckedContinuation<DelayQueueError?, Never>) -> UInt64 {
        lastSettleWaiter += 1
        settleWaiters[lastSettleWaiter] = waiter
        return lastSettleWaiter
    }

    /// Hands on everything the core has decided since the last time.
    func flush(now: Moment) {
        perform(core.takeEffects())
        // The demand is read only after jobs were handed over: a task that waited has its job by then, and does not
        // count as wanting another.
        core.setDemand(deliveries.demand(now: now.uptime), now: now)
        if core.isDraining { dropIdleConnections() }
        for link in connections.indices where core.hasWork(for: link, now: now) { linkSignals[link].wake() }
        if core.hasLedgerCalls { for signal in ledgerSignals { signal.wake() } }
        if checkDone() { wakeAll() }
        armTimer(now: now)
    }

    private func perform(_ effects: [ConsumerCore.Effect]) {
        var jobs: [Job] = []
        for effect in effects {
            switch effect {
            case .deliver(let id, let record, let attempt, let failures):
                let handle = JobHandle(
                    id, record: record, fireTime: record.isForeign ? clock.read().wall : record.fireTime,
                    attempt: attempt, failures: failures,
                    isCompleted: configuration.deliveryGuarantee == .atMostOnce, owner: self)
                states[id] = handle.state
                jobs.append(Job(handle: handle))
            case .recall:
                giveBackUndelivered(deliveries.recallAll(), now: clock.read())
            case .settled(let id, let settlement, let waiter, let error):
                settled(id, settlement, waiter: waiter, error: error)
            case .leaseLost(let id):
                metrics.leasesLost.increment()
                guard let state = states[id] else { continue }
                logger.warning(
                    "the lease of a running job was lost; another consumer may run it too",
                    metadata: [LogKey.job: "\(state.contents.id)"])
                state.loseLease()
            case .buried(let job, let reason, let isAutomatic):
                logger.log(
                    level: isAutomatic ? .warning : .info, "job was given up; it is dead until it is replayed",
                    metadata: [LogKey.job: "\(job)", LogKey.reason: "\(reason)"])
            case .foreignJob(let node, let id, let policy):
                metrics.foreignJobs.increment()
                logStranger(
                    level: policy == .deliver ? .debug : .warning, "met a job in a format this package does not know",
                    [LogKey.node: "\(nodes[node])", LogKey.job: "\(id)", LogKey.policy: "\(policy)"])
            case .lateJob(let job, let lateness, let policy):
                metrics.lateJobs.increment()
                logStranger(
                    level: .warning, "met a job later than ledger records last",
                    [
                        LogKey.job: "\(job.jobID)", LogKey.lateness: "\(lateness)",
                        LogKey.policy: "\(policy)",
                    ])
            case .unverifiedJob(let node, let id, let problem):
                metrics.unverifiedJobs.increment()
                logStranger(
                    level: .warning, "a job that could not be verified was buried",
                    [LogKey.node: "\(nodes[node])", LogKey.job: "\(id)", LogKey.reason: "\(problem)"])
            case .oversizedJob(let node, let id, let size):
                metrics.oversizedJobs.increment()
                logStranger(
                    level: .warning, "a job larger than maximumRecordSize was buried unread; it does not run",
                    [
                        LogKey.node: "\(nodes[node])", LogKey.job: "\(id)", LogKey.size: "\(size)",
                        LogKey.mend: "let consumers read larger records and kick it, or delete it",
                    ])
            case .duplicateCopy:
                metrics.duplicateCopies.increment()
            case .misconfigured(let error):
                hasFinished = true
                deliveries.end(throwing: error)
                core.drain(now: clock.read())
            case .paused(let isPaused):
                logger.notice(
                    isPaused
                        ? "the queue is paused: what runs goes on, and no job is taken until the pause is over"
                        : "the queue is not paused any more; jobs are taken")
            case .timeTold(let skew):
                metrics.clockSkew.record(skew / .seconds(1))
                deliveries.setClock(core.clock)
            case .clocks(let change):
                change.log(to: logger)
            case .warning(let warning, let job, let node, let error):
                var metadata: Logger.Metadata = [:]
                if let job { metadata[LogKey.job] = "\(job)" }
                if let node { metadata[LogKey.node] = "\(nodes[node])" }
                if let error { metadata[LogKey.error] = "\(error)" }
                logger.warning("\(warning.rawValue)", metadata: metadata)
            }
        }
        if !jobs.isEmpty {
            metrics.delivered.increment(by: jobs.count)
            let now = core.clock.time(clock.read())
            for job in jobs { metrics.record(lateness: job.handle.fireTime.duration(to: now), attempt: job.attempt) }
            deliveries.push(jobs)
        }
    }

    /// Logs what anybody who reaches a node can bring about as often as he likes: some of it, and how much more there was.
    private func logStranger(level: Logger.Level, _ message: Logger.Message, _ metadata: Logger.Metadata) {
        guard let withheld = strangersBudget.take(now: clock.read().uptime) else { return }
        var metadata = metadata
        if withheld > 0 { metadata[LogKey.count] = "\(withheld)" }
        logger.log(level: level, message, metadata: metadata)
    }

    private func settled(_ id: HeldJobID, _ settlement: Settlement, waiter: UInt64?, error: DelayQueueError?) {
        let job = states[id]?.contents.id
        if waiter == nil || error?.leavesJobUnsettled != true { states[id] = nil }
        if let error {
            if let waiter {
                metrics.settlingFailures.increment()
                resume(settleWaiters.removeValue(forKey: waiter), returning: error)
            } else if !settlement.givesBack {
                metrics.settlingFailures.increment()
                logger.warning(
                    "job could not be settled; it may run again",
                    metadata: [LogKey.job: "\(job?.description ?? "unknown")", LogKey.error: "\(error)"])
            }
            return
        }
        switch settlement {
        case .complete: metrics.completed.increment()
        case .retry: metrics.retried.increment()
        case .bury: metrics.buried.increment()
        case .giveBack: metrics.returned.increment()
        }
        if let waiter { resume(settleWaiters.removeValue(forKey: waiter), returning: nil) }
    }

    func giveBackUndelivered(_ jobs: [Job], now: Moment) {
        for job in jobs where job.handle.state.recall() {
            core.settle(job.handle.heldID, .giveBack(after: .zero), waiter: nil, now: now)
        }
    }

    func tellLoad() { core.setLoad(limit: iterators, waiting: deliveries.count) }

    // MARK: Time

    func armTimer(now: Moment) {
        // With the pumps stopped nothing that falls due can be done about: the timer would go off again at once.
        var wait = isStopped ? nil : core.timeUntilTick(now: now)
        // Jobs fetched ahead are looked at until they are taken.
        if deliveries.mayGoStale, !isStopped { wait = min(wait ?? DemandMeter.window, DemandMeter.window) }
        guard let wait else {
            scheduledTick?.cancel()
            scheduledTick = nil
            timer.disarm()
            return
        }
        let at = eventLoop.now + TimeAmount(wait + clock.timerMargin)
        guard let number = timer.arm(at: at) else { return }
        scheduledTick?.cancel()
        scheduledTick = eventLoop.scheduleTask(deadline: at) { [weak self] in
            guard let self else { return }
            self.assumeIsolated { $0.tick(number) }
        }
    }

    private func tick(_ number: UInt64) {
        guard timer.fires(number) else { return }
        scheduledTick = nil
        let now = clock.read()
        giveBackUndelivered(deliveries.recallStale(now: now.uptime), now: now)
        core.setDemand(deliveries.demand(now: now.uptime), now: now)
        tellLoad()
        core.tick(now: now)
        flush(now: now)
    }
}
