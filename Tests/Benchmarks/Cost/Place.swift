import DelayQueue
import DelayQueueJobs
import Logging
import NIOCore

/// The servers the work is done on.
struct Place: Sendable {
    private let tube: String
    let nodes: [BeanstalkNode]
    let redisURL: String
    let logger: Logger

    init(addresses: [String], tube: String, redisURL: String) throws {
        self.tube = tube
        nodes = try addresses.map { try BeanstalkNode($0, tube: tube) }
        self.redisURL = redisURL
        var logger = Logger(label: "cost") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        self.logger = logger
    }

    func producer(_ copyMode: CopyMode) throws -> Producer {
        var configuration = ProducerConfiguration()
        configuration.copyMode = copyMode
        // Counting makes a program many times slower; every job is to have all its copies all the same.
        configuration.stragglerGrace = .seconds(60)
        configuration.writeTimeout = .seconds(120)
        return try Producer(nodes: nodes, configuration: configuration, logger: logger)
    }

    /// Runs `body` with a consumer that ends when `told` returns.
    func withConsumer(
        until told: @escaping @Sendable () async throws -> Void,
        _ body: @escaping @Sendable (Consumer) async throws -> Void
    ) async throws {
        let ledger = try RedisLedger(redisURL, logger: logger)
        let consumer = try Consumer(nodes: nodes, ledger: ledger, logger: logger)
        try await end(consumer, when: told) { try await body(consumer) }
        await ledger.close()
    }

    /// Runs a worker that ends when `told` returns.
    func withWorker(
        concurrency: Int, until told: @escaping @Sendable () async throws -> Void,
        _ register: (inout Worker) throws -> Void
    ) async throws {
        let ledger = try RedisLedger(redisURL, logger: logger)
        let queue = try JobQueue(tube, nodes: nodes.map(\.address), ledger: ledger, logger: logger)
        var configuration = WorkerConfiguration()
        configuration.concurrency = concurrency
        configuration.logger = logger
        var worker = Worker(queue, configuration: configuration)
        try register(&worker)
        let consumer = try worker.makeConsumer()
        try await end(consumer, when: told) { [worker] in try await worker.run(with: consumer) }
        await queue.close()
        await ledger.close()
    }

    private func end(
        _ consumer: Consumer, when told: @escaping @Sendable () async throws -> Void,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await told()
                await consumer.finish()
            }
            try await group.waitForAll()
        }
        await consumer.close()
    }

    /// Writes jobs that are due at once.
    func fill(jobs: Int, _ work: Work) async throws {
        let producer = try producer(work.copyMode)
        let requests = try (0..<jobs).map { number in
            var request = try work.request(number)
            request.options.pastDates = .runImmediately
            return request
        }
        for result in await producer.schedule(requests) { _ = try result.get() }
        await producer.close()
    }
}
