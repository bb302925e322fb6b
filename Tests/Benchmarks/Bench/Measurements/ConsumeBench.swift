import DelayQueue
import NIOConcurrencyHelpers
import NIOCore

/// Measures the consumption of jobs that are due, against bare sockets that reserve, claim, complete and delete the
/// same copies, those that stand by with their lead.
struct ConsumeBench: Sendable {
    let cluster: BenchCluster
    let jobs: Int
    let concurrency: Int
    let bodySize: Int

    enum Form: CaseIterable, Sendable {
        case ceiling, stream, shared, awaiting, awaitingOnLoop, handler, handlerOnLoop, slowHandler, slowHandlerOnLoop

        var isSlow: Bool { self == .slowHandler || self == .slowHandlerOnLoop }

        /// Its tasks prefer `Consumer.taskExecutor`.
        var isOnLoop: Bool { self == .awaitingOnLoop || self == .handlerOnLoop || self == .slowHandlerOnLoop }
    }

    func name(of form: Form) -> String {
        switch form {
        case .ceiling: "ceiling: bare sockets"
        case .stream: "stream, completeSoon"
        case .shared: "stream, completeSoon, \(concurrency) tasks"
        case .awaiting: "stream, complete, \(concurrency) tasks"
        case .awaitingOnLoop: "stream, complete, \(concurrency) tasks on the loop"
        case .handler: "handler, concurrency \(concurrency)"
        case .handlerOnLoop: "handler, concurrency \(concurrency), on the loop"
        case .slowHandler: "handler of 1 ms, concurrency \(concurrency)"
        case .slowHandlerOnLoop: "handler of 1 ms, concurrency \(concurrency), on the loop"
        }
    }

    func measure(_ form: Form, _ mode: CopyMode) async throws -> Measurement {
        let others = try await cluster.remaining(isReady: true)
        let receipts = try await cluster.fill(jobs: jobs, bodySize: bodySize, mode: mode)
        guard form != .ceiling else { return try await measureCeiling(receipts, mode) }
        let ledger = try cluster.ledger()
        let consumer = try cluster.consumer(ledger)
        let settled = Counter()
        let measurement = try await Measurement.of(cluster.probe) {
            let end = try await withThrowingTaskGroup(of: ContinuousClock.Instant?.self) { group in
                group.addTask {
                    try await withTaskExecutorPreference(form.isOnLoop ? consumer.taskExecutor : nil) {
                        try await consume(as: form, from: consumer, settled)
                    }
                    return nil
                }
                group.addTask { try await untilTaken(settled, besides: others, finishing: consumer) }
                return try await group.reduce(nil) { $0 ?? $1 }
            }
            // The last deletes and the ledger's forgetting are part of the cost.
            await consumer.close()
            return (jobs, [], end)
        }
        await ledger.close()
        return measurement
    }

    /// Waits until all jobs are settled and no copy is left to be taken, and then ends the consumer.
    ///
    /// A job is delivered with its first copy, and another node may still have most of its copies then: deleting them,
    /// and taking them where they do not stand by, is part of the work. The end itself is not: it waits for a reserve that is under way, for up to a
    /// second.
    ///
    /// - Parameter others: how many copies stand by of jobs that are not consumed.
    private func untilTaken(
        _ settled: Counter, besides others: Int, finishing consumer: Consumer
    ) async throws -> ContinuousClock.Instant {
        while true {
            if settled.count >= jobs, try await cluster.remaining(isReady: true) <= others { break }
            try await Task.sleep(for: Self.interval)
        }
        let end = ContinuousClock.now
        await consumer.finish()
        return end
    }

    private static let interval = Duration.milliseconds(2)

    private func measureCeiling(_ receipts: [Receipt], _ mode: CopyMode) async throws -> Measurement {
        let ledger = try cluster.ledger()
        // Loads the scripts, and learns their digests.
        _ = try await ledger.perform(LedgerRequest(key: receipts[0].ledgerKey, operation: .status))
        let calls = try await ledger.encodedClaimsAndCompletions(of: receipts)
        let reserves = try await cluster.ready()
        let standbys = mode == .standby ? RawStandbys(receipts, nodes: cluster.nodes) : RawStandbys()
        let copies = receipts.reduce(0) { $0 + $1.placements.count }
        let measurement = try await Measurement.of(cluster.probe) {
            _ = try await cluster.raw.onThread {
                try $0.consume(copies: copies, reserves: reserves, standbys: standbys, calls: calls)
            }
            return (jobs, [])
        }
        await ledger.close()
        return measurement
    }

    // MARK: Forms

    private func consume(as form: Form, from consumer: Consumer, _ settled: Counter) async throws {
        switch form {
        case .ceiling, .stream:
            for try await job in consumer {
                job.completeSoon()
                settled.add()
            }
        case .shared:
            try await iterate(consumer) { job in
                job.completeSoon()
                settled.add()
            }
        case .awaiting, .awaitingOnLoop:
            try await iterate(consumer) { job in
                try await job.complete()
                settled.add()
            }
        case .handler, .handlerOnLoop, .slowHandler, .slowHandlerOnLoop:
            try await consumer.run(concurrency: concurrency) { [isSlow = form.isSlow] _ in
                if isSlow { try await Task.sleep(for: .milliseconds(1)) }
                settled.add()
            }
        }
    }

    private func iterate(
        _ consumer: Consumer, settle: @escaping @Sendable (Job) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<concurrency {
                group.addTask {
                    for try await job in consumer { try await settle(job) }
                }
            }
            try await group.waitForAll()
        }
    }

    private final class Counter: Sendable {
        private let value = NIOLockedValueBox(0)

        var count: Int { value.withLockedValue { $0 } }

        func add() { value.withLockedValue { $0 += 1 } }
    }
}
