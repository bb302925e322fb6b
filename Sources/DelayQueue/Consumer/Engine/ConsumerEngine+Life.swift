import Beanstalk
import Logging
import NIOCore
import PipelinedTransport

/// From the first iterator to the end of the last job, and closing.
extension ConsumerEngine {
    func start() {
        if runner == nil || core.isDraining {
            tellLoad()
            core.resume(now: clock.read())
        }
        if runner != nil {
            if isEnding { mustRestart = true }
            return
        }
        boardWatch = ledger.watchBoard(of: queue) { [weak self] in self?.boardChanged() }
        runner = Task { await self.run() }
    }

    func run() async {
        repeat {
            mustRestart = false
            isEnding = false
            await withDiscardingTaskGroup { group in
                for link in connections.indices {
                    group.addTask(executorPreference: loopExecutor) { await self.pumpLink(link) }
                }
                for pump in ledgerSignals.indices {
                    group.addTask(executorPreference: loopExecutor) { await self.pumpLedger(pump) }
                }
            }
            for connection in connections { await connection.disconnect() }
        } while mustRestart
        boardWatch = nil
        runner = nil
    }

    /// Whether the pumps may end: nobody iterates, and nothing is held or on its way.
    func checkDone() -> Bool {
        guard !isEnding, core.isDraining, core.isIdle, ledgerBatchesUnderway == 0 else { return isEnding }
        if isReserveOnItsWay {
            poke()
            return false
        }
        isEnding = true
        // A node that hangs must not keep the others' pumps from starting again; nothing of ours is on its way.
        for connection in connections { connection.onLoop.disconnect() }
        return true
    }

    /// A reserve that waits was decided on, and is not with its connection yet: the pumps prefer an executor, so that
    /// `send` begins in a later turn of the loop. Dropping the connection now would not end it.
    private var isReserveOnItsWay: Bool {
        connections.indices.contains { isWaiting[$0] && connections[$0].onLoop.status.unanswered == 0 }
    }

    /// Ends iteration: whoever waits gets nil, nothing more is reserved, jobs in the application's hands can be
    /// settled.
    func finish() {
        hasFinished = true
        deliveries.end()
        let now = clock.read()
        giveBackUndelivered(deliveries.recallAll(), now: now)
        core.drain(now: now)
        flush(now: now)
    }

    /// Finishes, waits for the jobs in the application's hands, gives back those that take too long, and closes.
    func close(within limit: Duration) async {
        finish()
        if let runner {
            let deadline = eventLoop.scheduleTask(in: TimeAmount(limit)) {
                self.assumeIsolated { $0.giveUpSettling() }
            }
            await runner.value
            deadline.cancel()
        }
        stop?.task.cancel()
        stop = nil
        for connection in connections { await connection.close(drainingFor: .milliseconds(100)) }
        if configuration.deliveryGuarantee == .atMostOnce, deliveries.count > 0 {
            logger.error(
                "jobs completed before delivery were taken by nobody", metadata: [LogKey.count: "\(deliveries.count)"])
        }
    }

    /// The time to settle is over: what is still held goes back to the queue, and the pumps are stopped if even that
    /// takes long (a ledger or node that is away).
    private func giveUpSettling() {
        let now = clock.read()
        core.giveUpSettling(now: now)
        flush(now: now)
        armStop(after: .seconds(2))
    }

    /// Whatever is still waited for after a while is waited for no longer. Where this is said twice, the first to be over
    /// counts.
    nonisolated func stop(after limit: Duration) {
        eventLoop.execute {
            self.assumeIsolated { $0.armStop(after: limit) }
        }
    }

    /// Ends with nothing settled, and every connection at once.
    func crash() async {
        hasFinished = true
        deliveries.end()
        let runner = runner
        stopPumps()
        for connection in connections { connection.onLoop.disconnect() }
        await runner?.value
    }

    private func armStop(after limit: Duration) {
        let at = eventLoop.now + TimeAmount(limit)
        if let stop {
            guard at < stop.at else { return }
            stop.task.cancel()
        }
        let task = eventLoop.scheduleTask(deadline: at) {
            self.assumeIsolated { $0.stopPumps() }
        }
        stop = (task, at)
    }

    private func stopPumps() {
        stop = nil
        isStopped = true
        guard let runner else { return }
        let left = core.jobsLeftToTheirLeases
        if !left.isEmpty {
            logger.warning(
                "stopped before jobs were settled; they run again once their leases are over",
                metadata: [
                    LogKey.count: "\(left.count)",
                    LogKey.job: "\(left.prefix(Self.namedJobs).map(\.description).joined(separator: " "))",
                ])
        }
        isEnding = true
        runner.cancel()
        wakeAll()
        for (_, waiter) in settleWaiters { resume(waiter, returning: .closedUnsettled) }
        settleWaiters = [:]
    }
}
