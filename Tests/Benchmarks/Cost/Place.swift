import DelayQueue
import Logging
import NIOCore

/// The servers the work is done on.
struct Place: Sendable {
    let nodes: [BeanstalkNode]
    let redisURL: String
    let logger: Logger

    init(addresses: [String], tube: String, redisURL: String) throws {
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
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await body(consumer) }
            group.addTask {
                try await told()
                await consumer.finish()
            }
            try await group.waitForAll()
        }
        await consumer.close()
        await ledger.close()
    }

    /// Writes jobs that are due at once.
    func fill(jobs: Int, _ copyMode: CopyMode) async throws {
        let producer = try producer(copyMode)
        var options = JobOptions()
        options.pastDates = .runImmediately
        let body = ByteBuffer(repeating: UInt8(ascii: "x"), count: 32)
        for result in await producer.schedule((0..<jobs).map { _ in JobRequest(delay: .zero, body, options: options) })
        {
            _ = try result.get()
        }
        await producer.close()
    }
}
