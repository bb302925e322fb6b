import Beanstalk
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import PipelinedTransport

/// Carries out what a ``ProducerCore`` decides: talks to the nodes and the ledger, keeps the timer, resumes callers.
///
/// All of it runs on one event loop. Whatever goes to nodes is a task group on that loop, with a child for each node;
/// to stop waiting for a write is to cancel its group. Only `post` needs none. The groups' tasks belong to the engine
/// and not to callers, whose cancellation must not cut short what is done for others, or to take a job back: each is
/// awaited by the callers whom its answers resume, and by ``close(within:)``.
actor ProducerEngine {
    typealias Results = [Result<Receipt, DelayQueueError>]

    private enum Message: Sendable {
        case call(ProducerCore.CallID, [PreparedJob], CheckedContinuation<Results, Never>)
        case cancel(ProducerCore.CallID)
        case revoke(
            ProducerCore.CallID, JobToRevoke, CheckedContinuation<Result<RevokeOutcome, DelayQueueError>, Never>)
        case settleTime(CheckedContinuation<Void, Never>)
    }

    nonisolated let unownedExecutor: UnownedSerialExecutor
    nonisolated let nodes: [BeanstalkNode]
    nonisolated let loopExecutor: EventLoopTaskExecutor
    private nonisolated let eventLoop: any EventLoop
    private nonisolated let clock: any EngineClock
    private nonisolated let inbox = Inbox<Message>()
    private nonisolated let connections: [BeanstalkConnection]
    private nonisolated let ledger: (any LedgerCarrier)?
    private nonisolated let metrics: ProducerMetrics
    /// Whether jobs go to both tubes of each node.
    private nonisolated let choosesTube: Bool
    private nonisolated let logger: Logger
    /// The core's clock, as callers see it; nil until it is settled.
    private nonisolated let settledClock: NIOLockedValueBox<FleetClock?>

    private var core: ProducerCore
    private var callers: [ProducerCore.CallID: CheckedContinuation<Results, Never>] = [:]
    private var revokers: [ProducerCore.CallID: CheckedContinuation<Result<RevokeOutcome, DelayQueueError>, Never>] =
        [:]
    /// The tasks that wait for nodes or the ledger; for puts with the write they are of.
    private var tasks: [UInt64: (task: Task<Void, Never>, write: ProducerCore.WriteID?)] = [:]
    private var lastTask: UInt64 = 0
    /// The one that asks the ledger for its time.
    private var timeTask: UInt64 = 0
    /// Puts that wait for an answer without a task.
    private var posted: [(write: ProducerCore.WriteID, tube: CopyTube, node: Int, id: UInt64)] = []
    private var timeWaiters: [CheckedContinuation<Void, Never>] = []
    /// Nodes whose servers do not serve, so that it is logged once.
    private var unfitNodes: Set<Int> = []
    private var timer = TickTimer()
    private var closers: [CheckedContinuation<Void, Never>] = []
    /// Closing has reached its limit, and nothing is waited for any more.
    private var isCutShort = false

    init(
        nodes: [BeanstalkNode], queue: TubeName, ledger: (any LedgerCarrier)?, configuration: ProducerConfiguration,
        logger: Logger
    ) {
        let eventLoop = configuration.eventLoop ?? MultiThreadedEventLoopGroup.singleton.next()
        self.unownedExecutor = eventLoop.executor.asUnownedSerialExecutor()
        self.nodes = nodes
        self.ledger = ledger
        self.eventLoop = eventLoop
        self.clock = configuration.clock
        self.loopExecutor = EventLoopTaskExecutor(eventLoop)
        self.connections = nodes.map { node in
            BeanstalkConnection.beanstalk(
                node.address, useTube: node.tube, identifiesServer: true,
                maximumBodySize: configuration.maximumRecordSize, configuration: configuration.connection,
                eventLoop: eventLoop, logger: logger)
        }
        self.metrics = ProducerMetrics(queue: "\(queue)")
        self.choosesTube = configuration.copyMode == .standby
        self.logger = logger
        self.settledClock = NIOLockedValueBox(ledger == nil ? FleetClock() : nil)
        self.core = ProducerCore(
            nodes: nodes, queue: queue, configuration: configuration, hasLedger: ledger != nil)
    }

    // MARK: From any thread

    nonisolated var hasLedger: Bool { ledger != nil }

    /// What the ledger says of each job; nil without one.
    nonisolated func status(of keys: [LedgerKey]) async -> [Result<LedgerReply, DelayQueueError>]? {
        await ledger?.perform(keys.map { LedgerRequest(key: $0, operation: .status) })
    }

    /// The time by which dates and delays are reckoned; nil while it should be waited for with ``settleTime()``.
    nonisolated var settledTime: Timestamp? {
        settledClock.withLockedValue { $0?.time(clock.read()) }
    }

    /// The time by which dates and delays are reckoned, whether or not it is settled.
    nonisolated var time: Timestamp { settledTime ?? clock.read().wall }

    /// Waits, not for long, until the ledger has told its time.
    nonisolated func settleTime() async {
        await withCheckedContinuation { waiter in post(.settleTime(waiter)) }
    }

    /// Writes jobs, as many as ``WriteSize`` allows.
    ///
    /// - Returns: a result per job, in order.
    nonisolated func schedule(_ jobs: [PreparedJob]) async -> Results {
        if jobs.isEmpty { return [] }
        if Task.isCancelled { return jobs.map { _ in .failure(.cancelledUnwritten) } }
        let id = inbox.makeID()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                post(.call(id, jobs, waiter))
                // A cancellation that came before found nothing to cancel.
                if Task.isCancelled { post(.cancel(id)) }
            }
        } onCancel: {
            post(.cancel(id))
        }
    }

    /// Takes an accepted job back; not interrupted by cancellation.
    nonisolated func revoke(_ job: JobToRevoke) async -> Result<RevokeOutcome, DelayQueueError> {
        await withCheckedContinuation { waiter in post(.revoke(inbox.makeID(), job, waiter)) }
    }

    enum JobToRevoke: Sendable {
        case receipt(Receipt)
        case id(JobID)
    }

    private nonisolated func post(_ message: Message) {
        guard inbox.post(message) else { return }
        eventLoop.execute { self.onLoop { $0.turn() } }
    }

    /// Enters the actor from code that runs on its loop already, and would otherwise wait a turn of the loop for that.
    private nonisolated func onLoop(_ action: (isolated ProducerEngine) -> Void) {
        assumeIsolated(action)
    }

    // MARK: Turns

    /// Takes in what happened on other threads, then carries out what follows.
    private func turn() {
        let now = clock.read()
        for message in inbox.take() {
            switch message {
            case .call(let id, let jobs, let waiter):
                callers[id] = waiter
                core.call(id, jobs)
            case .cancel(let id):
                core.cancel(id, now: now)
            case .revoke(let id, let job, let waiter):
                revokers[id] = waiter
                switch job {
                case .receipt(let receipt): core.revoke(id, receipt)
                case .id(let jobID): core.revoke(id, jobID)
                }
            case .settleTime(let waiter):
                if core.settleTime(now: now) { waiter.resume() } else { timeWaiters.append(waiter) }
            }
        }
        flush(now: now)
    }

    /// Carries out everything the core has decided since the last time.
    private func flush(now: Moment) {
        if core.hasGathered {
            var generator = RandomBits()
            core.write(health: health(now: eventLoop.now), now: now, using: &generator)
        }
        for action in core.takeActions() { perform(action) }
        if !closers.isEmpty, core.isIdle { endClosing() }
        armTimer(now: now)
    }

    private func health(now: NIODeadline) -> [NodeChoice.Health] {
        var health: [NodeChoice.Health] = []
        health.reserveCapacity(connections.count)
        // A loop: a closure of an actor checks its executor each time it is called.
        for connection in connections {
            let status = connection.onLoop.status
            let isUp =
                switch status.phase {
                case .closed: false
                case .idle(let retryAt): retryAt.map { $0 <= now } ?? true
                case .connecting, .ready: true
                }
            // Whether it is slow only the core knows.
            health.append(
                .init(isUp: isUp, isSlow: false, isBusy: status.unanswered > 0 || status.phase == .connecting))
        }
        return health
    }

    private func perform(_ action: ProducerCore.Action) {
        switch action {
        case .send(let commands):
            if !post(commands) { start(for: commands.first?.write) { await self.send(commands) } }
        case .stopWaiting(let write):
            for (task, owner) in tasks.values where owner == write { task.cancel() }
            for batch in posted where batch.write == write { connections[batch.node].abandonSoon(batch.id) }
        case .ask(let requests, let question):
            start(for: nil) { await self.ask(requests, question) }
            if case .time = question { timeTask = lastTask }
        case .timeIsSettled:
            settledClock.withLockedValue { $0 = core.clock }
            let waiters = timeWaiters
            timeWaiters = []
            for waiter in waiters { waiter.resume() }
        case .clocks(let change):
            change.log(to: logger)
        case .answer(let id, let results):
            metrics.record(results)
            callers.removeValue(forKey: id)?.resume(returning: results)
        case .answerRevocation(let id, let outcome):
            metrics.record(outcome)
            revokers.removeValue(forKey: id)?.resume(returning: outcome)
        case .nodeIsSlow(let node):
            logger.debug("node is slow", metadata: [LogKey.node: "\(nodes[node])"])
        case .leadsLost(let count, let node):
            metrics.recordLostLeads(count)
            logger.warning(
                "a node may not have stored the leads of accepted jobs; they run from their standbys, up to two seconds late",
                metadata: [LogKey.node: "\(nodes[node])", LogKey.count: "\(count)"])
        }
    }

    private func start(for write: ProducerCore.WriteID?, _ body: @escaping @Sendable () async -> Void) {
        lastTask += 1
        let id = lastTask
        let task = Task(executorPreference: loopExecutor) {
            await body()
            self.onLoop { $0.tasks[id] = nil }
        }
        tasks[id] = (task, write)
        if isCutShort { task.cancel() }
    }

    // MARK: Nodes

    private nonisolated func send(_ commands: [NodeCommands]) async {
        await withDiscardingTaskGroup { group in
            for commands in commands {
                group.addTask(executorPreference: loopExecutor) {
                    let outcome = await self.connections[commands.node].sendFromLoop(self.batch(of: commands))
                    self.onLoop { $0.answered(commands, outcome) }
                }
            }
        }
    }

    /// Sends a few puts to nodes that are connected, without a task: with a group of them a single call takes half as
    /// many instructions again (189,000 and not 133,000, `./dev bench --check`), and 1.7 times the allocations.
    ///
    /// - Returns: false where commands are not puts, are too many, or are for a node that is not connected; nothing was
    ///   sent then.
    private func post(_ commands: [NodeCommands]) -> Bool {
        if isCutShort { return false }
        for commands in commands {
            guard commands.write != nil, commands.count <= Self.mostPosted, connections[commands.node].onLoop.isReady
            else { return false }
        }
        for commands in commands {
            guard let write = commands.write, case .put(_, let tube) = commands.kind else { continue }
            let node = commands.node
            // Added before the call, because the call may end the wait at once.
            posted.append((write, tube, node, 0))
            let id = connections[node].onLoop.post(batch(of: commands), flushesAtOnce: true) { outcome in
                self.posted.removeAll { $0.write == write && $0.node == node && $0.tube == tube }
                self.answered(commands, outcome)
            }
            if let last = posted.indices.last, posted[last].id == 0 { posted[last].id = id }
        }
        return true
    }

    /// The most puts for a node that are sent without a task: beside more of them, what a task costs is nothing.
    private static let mostPosted = 64

    private func answered(_ commands: NodeCommands, _ outcome: BatchOutcome<BeanstalkReply>) {
        let now = clock.read()
        var outcome = outcome
        report(outcome.failure, of: commands.node)
        // To the choice of a tube, which the core knows nothing of.
        if choosesTube, case .put = commands.kind, !outcome.replies.isEmpty { outcome.replies.removeFirst() }
        core.answered(commands, outcome, now: now)
        flush(now: now)
    }

    /// Says once that a server does not take part: it is no beanstalkd, or has no memory for a connection. Jobs are written
    /// to the others, so callers are not told.
    private func report(_ failure: TransportError?, of node: Int) {
        guard let failure else {
            if !unfitNodes.isEmpty { unfitNodes.remove(node) }
            return
        }
        guard failure.code == .preambleRejected, unfitNodes.insert(node).inserted else { return }
        logger.warning(
            "a node's server does not serve; nothing is written to it",
            metadata: [LogKey.node: "\(nodes[node])", LogKey.error: "\(failure)"])
    }

    private nonisolated func batch(of commands: NodeCommands) -> RequestBatch<BeanstalkReply> {
        switch commands.kind {
        case .put(let puts, let tube): return batch(of: puts, into: tube, commands)
        case .peek(let ids): return batch(ids.map { .peek($0) }, commands)
        case .delete(let ids): return batch(ids.map { .delete($0) }, commands)
        case .statistics: return batch([.stats], commands)
        }
    }

    private nonisolated func batch(
        of puts: [NodeCommands.Put], into tube: CopyTube, _ commands: NodeCommands
    ) -> RequestBatch<BeanstalkReply> {
        var size = LineWriter.maximumLength + TubeName.maximumLength
        for put in puts { size += put.job.recordSize + put.role.length + LineWriter.maximumLength }
        var bytes = ByteBufferAllocator().buffer(capacity: size)
        // A connection puts into one tube until it is told another one, and nobody can be sure what it was told last:
        // it may be a new one.
        let first = choosesTube ? 1 : 0
        let name = nodes[commands.node].name(of: tube)
        if choosesTube { BeanstalkCommand.use(name).encode(into: &bytes) }
        for put in puts {
            put.job.writePut(
                copy: put.place.copy, copies: put.copies, role: put.role, priority: put.priority, delay: put.delay,
                into: &bytes)
        }
        return RequestBatch(
            bytes: bytes, count: puts.count + first, timeout: commands.timeout,
            whenAbandoned: { [weak self] index, reply in
                // Where the engine is gone, nobody was left to be told anything, and its connections are being closed.
                index < first ? nil : self?.assumeIsolated { $0.arrivedLate(commands, at: index - first, reply) }
            },
            accepts: { index, reply in index < first ? reply == .using(name) : reply.answersPut })
    }

    private nonisolated func batch(
        _ encoded: [BeanstalkCommand], _ commands: NodeCommands
    ) -> RequestBatch<BeanstalkReply> {
        var bytes = ByteBuffer()
        for command in encoded { command.encode(into: &bytes) }
        return RequestBatch(
            bytes: bytes, count: encoded.count, timeout: commands.timeout, generation: commands.generation,
            accepts: { index, reply in reply.answers(encoded[index]) })
    }

    /// - Returns: what is to be sent on the connection the reply came on.
    private func arrivedLate(_ commands: NodeCommands, at index: Int, _ reply: BeanstalkReply) -> ByteBuffer? {
        guard core.arrivedLate(commands, at: index, reply), case .inserted(let id) = reply else { return nil }
        var farewell = ByteBuffer()
        BeanstalkCommand.delete(id).encode(into: &farewell)
        return farewell
    }

    // MARK: Ledger

    private nonisolated func ask(_ requests: [LedgerRequest], _ question: ProducerCore.Question) async {
        let sentAt = clock.read()
        let results = await ledger?.perform(requests) ?? []
        await ledgerAnswered(question, results, sentAt: sentAt)
    }

    private func ledgerAnswered(
        _ question: ProducerCore.Question, _ results: [Result<LedgerReply, DelayQueueError>], sentAt: Moment
    ) {
        let now = clock.read()
        core.ledgerAnswered(question, results, sentAt: sentAt, now: now)
        if case .time = question { settledClock.withLockedValue { $0 = core.clock } }
        flush(now: now)
    }

    // MARK: Time

    private func armTimer(now: Moment) {
        guard let next = core.nextTick() else { return }
        let wait = max(next - now.uptime, .zero)
        let at = eventLoop.now + TimeAmount(wait + clock.timerMargin)
        guard let number = timer.arm(at: at) else { return }
        eventLoop.scheduleTask(deadline: at) { [weak self] in
            guard let self else { return }
            self.onLoop { $0.tick(number) }
        }
    }

    private func tick(_ number: UInt64) {
        guard timer.fires(number) else { return }
        let now = clock.read()
        core.tick(now: now)
        flush(now: now)
    }

    // MARK: Closing

    /// Takes no more calls, waits for those under way, and closes the connections.
    func close(within limit: Duration) async {
        core.close()
        flush(now: clock.read())
        tasks[timeTask]?.task.cancel()
        let timer = eventLoop.scheduleTask(in: TimeAmount(limit)) {
            self.onLoop { $0.cutShort() }
        }
        await withCheckedContinuation { waiter in
            // Looked at only here: where the task prefers an executor, getting here takes a turn of the loop, in which
            // the last call may end.
            if core.isIdle { waiter.resume() } else { closers.append(waiter) }
        }
        // The ledger may still be busy with ids of calls that were cancelled while it was asked, which are then withdrawn.
        while let (task, _) = tasks.values.first { await task.value }
        timer.cancel()
        for connection in connections { await connection.close(drainingFor: .milliseconds(500)) }
    }

    /// Ends every wait: calls that are not decided are refused, and what can not be taken back at once is told.
    private func cutShort() {
        isCutShort = true
        for (task, _) in tasks.values { task.cancel() }
        for batch in posted { connections[batch.node].abandonSoon(batch.id) }
    }

    private func endClosing() {
        let waiters = closers
        closers = []
        for waiter in waiters { waiter.resume() }
    }
}
