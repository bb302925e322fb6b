import DelayQueue
import NIOConcurrencyHelpers
import NIOCore

/// Measures the consumption of jobs that are due, against bare sockets that reserve, claim, complete and delete the
/// same copies.
struct ConsumeBench: Sendable {
    let cluster: BenchCluster
    let jobs: Int
    let concurrency: Int
    let bodySize: Int

    enum Form: CaseIterable, Sendable {
        case ceiling, stream, awaiting, handler, slowHandler
    }

    func name(of form: Form) -> String {
        switch form {
        case .ceiling: "ceiling: bare sockets"
        case .stream: "stream, completeSoon"
        case .awaiting: "stream, complete, \(concurrency) tasks"
        case .handler: "handler, concurrency \(concurrency)"
        case .slowHandler: "handler of 1 ms, concurrency \(concurrency)"
        }
    }

    func measure(_ form: Form) async throws -> Measurement {
        let receipts = try await fill()
        guard form != .ceiling else { return try await measureCeiling(receipts) }
        let ledger = try cluster.ledger()
        let consumer = try Consumer(nodes: cluster.nodes, ledger: ledger, logger: cluster.logger)
        let measurement = try await Measurement.of(cluster.probe) {
            switch form {
            case .ceiling, .stream: try await stream(consumer)
            case .awaiting: try await awaitEach(consumer)
            case .handler: try await handle(consumer, for: .zero)
            case .slowHandler: try await handle(consumer, for: .milliseconds(1))
            }
            // Deletes and the ledger's forgetting are part of the work.
            await consumer.close()
            return (jobs, [])
        }
        await ledger.close()
        return measurement
    }

    private func fill() async throws -> [Receipt] {
        let producer = try cluster.producer()
        var options = JobOptions()
        options.pastDates = .runImmediately
        let body = ByteBuffer(repeating: UInt8(ascii: "x"), count: bodySize)
        let results = await producer.schedule(
            (0..<jobs).map { _ in JobRequest(delay: .zero, body, options: options) })
        await producer.close()
        return try results.map { try $0.get() }
    }

    private func measureCeiling(_ receipts: [Receipt]) async throws -> Measurement {
        let ledger = try cluster.ledger()
        // Loads the scripts.
        _ = try await ledger.perform(LedgerRequest(key: receipts[0].ledgerKey, operation: .status))
        let calls = try ledger.encodedClaimsAndCompletions(of: receipts)
        let measurement = try await Measurement.of(cluster.probe) {
            _ = try await cluster.raw.onThread { [jobs] in try $0.consume(jobs: jobs, calls: calls) }
            return (jobs, [])
        }
        await ledger.close()
        return measurement
    }

    // MARK: Forms

    private func stream(_ consumer: Consumer) async throws {
        var count = 0
        for try await job in consumer {
            job.completeSoon()
            count += 1
            if count == jobs { break }
        }
    }

    private func awaitEach(_ consumer: Consumer) async throws {
        let count = Countdown(jobs)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<concurrency {
                group.addTask {
                    for try await job in consumer {
                        try await job.complete()
                        if count.hasReachedZero() { await consumer.finish() }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func handle(_ consumer: Consumer, for duration: Duration) async throws {
        let count = Countdown(jobs)
        try await consumer.run(concurrency: concurrency) { _ in
            if duration > .zero { try await Task.sleep(for: duration) }
            if count.hasReachedZero() { await consumer.finish() }
        }
    }

    private final class Countdown: Sendable {
        private let left: NIOLockedValueBox<Int>

        init(_ count: Int) {
            left = NIOLockedValueBox(count)
        }

        /// Counts one more; true for the last.
        func hasReachedZero() -> Bool {
            left.withLockedValue { left in
                left -= 1
                return left == 0
            }
        }
    }
}
