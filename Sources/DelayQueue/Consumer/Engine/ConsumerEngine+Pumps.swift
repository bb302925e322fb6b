import Beanstalk
import Logging
import Metrics
import NIOCore
import PipelinedTransport

extension ConsumerEngine {
    /// Sends over one link what has gathered since its last batch, one batch at a time, until the consumer is done.
    func pumpLink(_ link: Int) async {
        while !checkDone() {
            linkSignals[link].rearm()
            let sentAt = clock.read()
            guard mayConnect(to: link), let batch = core.nextBatch(for: link, now: sentAt) else {
                // Commands for the node may have begun to gather, and the timer must know when that ends.
                armTimer(now: sentAt)
                await linkSignals[link].wait()
                continue
            }
            isWaiting[link] = batch.block != nil
            allowances[link].value = batch.allowance
            let outcome = await connections[link].send(NodeBatchEncoder.encode(batch))
            isWaiting[link] = false
            if outcome.failure?.code == .timedOut {
                // The node hangs. Whether the copies reserved there are still ours is in doubt, so the connection is
                // ended, and the reservations with it.
                await connections[link].disconnect()
            }
            report(outcome.failure, of: link, wasWaiting: batch.block != nil)
            if let wait = outcome.failure?.retryAfter { backOff(from: link, for: wait) }
            let now = clock.read()
            core.setDemand(deliveries.demand(now: now.uptime), now: now)
            let pause = core.answered(
                batch, link: link, replies: outcome.replies, isLost: outcome.failure != nil,
                generation: outcome.generation, sentAt: sentAt, now: now)
            if let pause { backOff(from: link, for: pause) }
            flush(now: now)
        }
        wakeAll()
    }

    private func mayConnect(to link: Int) -> Bool {
        retryAt[link].map { $0 <= eventLoop.now } ?? true
    }

    /// Logs and counts the beginning and the end of a node's outage.
    ///
    /// - Parameter wasWaiting: for jobs, and for nothing else.
    private func report(_ failure: TransportError?, of link: Int, wasWaiting: Bool) {
        // The other link says nothing else of the node.
        guard core.isMain(link) else { return }
        let node = link
        guard let failure else {
            if awayNodes.remove(node) != nil {
                logger.notice("node is back", metadata: [LogKey.node: "\(nodes[node])"])
            }
            return
        }
        // Connections dropped by ourselves, or found to be gone, say nothing about the node yet.
        guard ![.cancelled, .closed, .staleGeneration].contains(failure.code), !core.isDraining else { return }
        if failure.code == .connectionLost, wasWaiting {
            // Nor does one that was cut while nothing happened on it: whether the node is away is known when it is
            // connected to again, which is now.
            reportCut(failure, of: node)
            return
        }
        guard awayNodes.insert(node).inserted else { return }
        metrics.nodeOutages.increment()
        logger.warning(
            "node is away; jobs run from their copies on the others",
            metadata: [LogKey.node: "\(nodes[node])", LogKey.error: "\(failure)"])
    }

    private func reportCut(_ failure: TransportError, of node: Int) {
        metrics.connectionsCut.increment()
        logger.log(
            level: cutNodes.insert(node).inserted ? .warning : .debug,
            "a connection that waited for jobs was cut; it is made again, and further cuts are only counted",
            metadata: [
                LogKey.node: "\(nodes[node])", LogKey.error: "\(failure)",
                LogKey.mend: "if a proxy ends idle connections, let it wait for longer than a minute",
            ])
    }

    /// Logs and counts the beginning and the end of the ledger's outage, with what it said.
    private func reportLedger(_ results: [Result<LedgerReply, DelayQueueError>]) {
        let isAway = core.isLedgerAway
        guard isAway != isLedgerAway else { return }
        isLedgerAway = isAway
        if isAway {
            metrics.ledgerOutages.increment()
            let errors = results.lazy.compactMap { if case .failure(let error) = $0 { error } else { nil } }
            logger.warning(
                "ledger is away; nothing runs until it answers",
                metadata: errors.first.map { [LogKey.error: "\($0)"] } ?? [:])
        } else {
            logger.notice("ledger is back")
        }
    }

    private func backOff(from link: Int, for wait: Duration) {
        let at = eventLoop.now + TimeAmount(wait)
        retryAt[link] = at
        eventLoop.scheduleTask(deadline: at) { [weak self] in
            guard let self else { return }
            self.assumeIsolated { $0.linkSignals[link].wake() }
        }
    }

    /// Sends the ledger what has gathered; several pumps keep several batches under way.
    func pumpLedger(_ pump: Int) async {
        while !checkDone() {
            ledgerSignals[pump].rearm()
            let calls = core.takeLedgerCalls()
            guard !calls.isEmpty else {
                await ledgerSignals[pump].wait()
                continue
            }
            ledgerBatchesUnderway += 1
            let sentAt = clock.read()
            let results = await ledger.perform(
                calls.map { LedgerRequest(key: $0.key, operation: $0.operation, timing: configuration.timing) })
            let now = clock.read()
            ledgerBatchesUnderway -= 1
            core.setDemand(deliveries.demand(now: now.uptime), now: now)
            core.ledgerAnswered(calls, results, sentAt: sentAt, now: now)
            reportLedger(results)
            flush(now: now)
        }
        wakeAll()
    }

    func wakeAll() {
        for signal in linkSignals { signal.wake() }
        for signal in ledgerSignals { signal.wake() }
    }

    /// While draining, a reserve that waits is cut short by dropping its connection, where nothing is lost by that.
    func dropIdleConnections() {
        for link in connections.indices where isWaiting[link] && core.mayDisconnect(from: link) {
            connections[link].onLoop.disconnect()
        }
    }
}
