import CommandSupport
import DelayQueue
import DelayQueueTestKit
import Logging

/// Schedules jobs, consumes them in two processes, stops a node half-way, and counts.
struct DemoRun: Sendable {
    let cluster: DemoCluster
    let isVerbose: Bool
    let logger: Logger

    private static let consumerCount = 2
    /// How long jobs may take to arrive after the last was due.
    private static let patience = Duration.seconds(15)
    /// How long the copies on the node that returned may take to be deleted.
    private static let cleaningLimit = Duration.seconds(8)
    /// How long writes under way may take once all jobs are scheduled.
    private static let closeLimit = Duration.seconds(2)

    private enum Event: Sendable {
        case consumer(DemoConsumer.Event)
        case consumerFailed(any Error)
        case outOfPatience
    }

    /// - Parameter refused: how many jobs were refused before.
    /// - Throws: `CommandError` where a consumer process failed; `TestKitError`; `CancellationError`. What was started
    ///   has ended by then.
    func run(_ jobs: [JobSpecification], refused: Int) async throws -> DemoReport {
        let start = ContinuousClock.now
        let (events, report) = AsyncStream<Event>.makeStream()
        let stops = (0..<Self.consumerCount).map { _ in AsyncStream<Never>.makeStream() }
        defer { StandardStream.error.endProgress() }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            for stop in stops {
                group.addTask { await runConsumer(until: stop.stream, report: report) }
            }
            StandardStream.error.showProgress("scheduling \(jobs.count) jobs")
            var (tally, loaded) = try await schedule(jobs)
            let deadline = Timestamp.now().duration(to: tally.lastFireTime ?? .now()) + Self.patience
            group.addTask {
                do { try await Task.sleep(for: deadline) } catch { return }
                report.yield(.outOfPatience)
            }
            if tally.scheduledCount > 0 { try await collect(events, into: &tally) }
            StandardStream.error.showProgress("waiting for the last copies to be deleted")
            try await restoreAndClean()
            for stop in stops { stop.continuation.finish() }
            try await collectRest(events, into: &tally)
            group.cancelAll()
            return DemoReport(
                tally: tally, refused: refused + loaded.refused, nodes: cluster.nodes,
                stoppedNode: cluster.victim?.address, duration: ContinuousClock.now - start)
        }
    }

    private func runConsumer(until stop: AsyncStream<Never>, report: AsyncStream<Event>.Continuation) async {
        do {
            try await DemoConsumer(cluster: cluster, isVerbose: isVerbose).run(until: stop) {
                report.yield(.consumer($0))
            }
        } catch {
            report.yield(.consumerFailed(error))
        }
    }

    private func schedule(_ jobs: [JobSpecification]) async throws -> (DemoTally, Loader.Tally) {
        var ledgerConfiguration = RedisLedgerConfiguration()
        ledgerConfiguration.connection = try cluster.options.ledgerConnection(to: cluster.redisURL)
        let ledger = try RedisLedger(cluster.redisURL, configuration: ledgerConfiguration, logger: logger)
        let nodes = try cluster.nodes.map { try BeanstalkNode($0, tube: cluster.tube) }
        let producer = try Producer(
            nodes: nodes, ledger: ledger, configuration: try cluster.options.producerConfiguration(), logger: logger)
        var tally = DemoTally()
        var loader = Loader(producer: producer, options: JobOptions()) { try tally.scheduled($0, $1) }
        let result: Result<Void, any Error>
        do {
            for (index, job) in jobs.enumerated() { try await loader.add(job, number: index + 1) }
            try await loader.flush()
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await producer.close(within: Self.closeLimit)
        await ledger.close()
        try result.get()
        return (tally, loader.tally)
    }

    /// Counts deliveries until all jobs have arrived or patience ends; stops a node when half have.
    private func collect(_ events: AsyncStream<Event>, into tally: inout DemoTally) async throws {
        var isNodeStopped = false
        show(tally, isNodeStopped: isNodeStopped)
        for await event in events {
            switch event {
            case .consumer(.line(let line)): tally.delivered(try DemoDelivery(parsing: line))
            case .consumer(.ended(let status)): throw Self.endedEarly(status.map { "\($0)" } ?? "unasked")
            case .consumerFailed(let error): throw Self.endedEarly("\(error)")
            case .outOfPatience: return
            }
            if !isNodeStopped, tally.deliveredCount * 2 >= tally.scheduledCount, let victim = cluster.victim {
                isNodeStopped = true
                await victim.kill()
            }
            show(tally, isNodeStopped: isNodeStopped)
            if tally.lost == 0 { return }
        }
        try Task.checkCancellation()
    }

    /// Brings the node back, and waits until the copies it still had were found to be done.
    private func restoreAndClean() async throws {
        if let victim = cluster.victim, await !victim.isRunning { try await victim.restart() }
        let nodes = try cluster.nodes.map { try BeanstalkNode($0, tube: cluster.tube) }
        let probe = QueueProbe(
            nodes: nodes, connection: try cluster.options.security.nodeConnection(), logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await probe.untilEmpty { false } }
            group.addTask { try await Task.sleep(for: Self.cleaningLimit) }
            defer { group.cancelAll() }
            try await group.next()
        }
        await probe.close()
    }

    /// Counts what consumers print until they have ended.
    private func collectRest(_ events: AsyncStream<Event>, into tally: inout DemoTally) async throws {
        var running = Self.consumerCount
        for await event in events {
            switch event {
            case .consumer(.line(let line)): tally.delivered(try DemoDelivery(parsing: line))
            case .consumer(.ended(nil)): running -= 1
            case .consumer(.ended(let status?)): throw Self.endedEarly("\(status)")
            case .consumerFailed(let error): throw Self.endedEarly("\(error)")
            case .outOfPatience: break
            }
            if running == 0 { return }
        }
        try Task.checkCancellation()
    }

    private func show(_ tally: DemoTally, isNodeStopped: Bool) {
        let node = isNodeStopped ? "  \(cluster.victim?.address ?? "a node") was killed" : ""
        StandardStream.error.showProgress(
            "\(ProgressBar.text(tally.deliveredCount, of: tally.scheduledCount))  "
                + "\(tally.deliveredCount) of \(tally.scheduledCount) delivered\(node)")
    }

    private static func endedEarly(_ reason: String) -> CommandError {
        CommandError("a consumer process ended: \(reason)")
    }
}
