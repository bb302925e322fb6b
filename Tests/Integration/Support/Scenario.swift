import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import Logging
import NIOCore
import NIOPosix
import PipelinedTransport
import Testing

/// Real servers, and producers and consumers on them, for one test.
struct Scenario: Sendable {
    let cluster: LocalCluster
    let nodes: [BeanstalkNode]
    let ledger: RedisLedger
    let tube: String

    /// Quiet but for what the package itself calls a warning.
    static let logger: Logger = {
        var logger = Logger(label: "integration") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .error
        return logger
    }()

    /// Starts servers for the body, and closes the ledger and stops the servers in every case.
    static func run<R>(
        nodes count: Int = 3, binlog: Bool = false, appendOnly: Bool = false, maxJobSize: Int? = nil,
        _ body: (Scenario) async throws -> R
    ) async throws -> R {
        var redis = RedisOptions()
        redis.appendOnly = appendOnly
        var beanstalkd = BeanstalkdOptions()
        beanstalkd.maxJobSize = maxJobSize
        return try await withLocalCluster(
            nodes: count, binlog: binlog, beanstalkdOptions: beanstalkd, redisOptions: redis
        ) { cluster in
            let tube = "t\(UInt32.random(in: 0 ... .max))"
            guard let url = cluster.redis?.url else { throw CancellationError() }
            let scenario = Scenario(
                cluster: cluster,
                nodes: try cluster.addresses.map { try BeanstalkNode($0, tube: tube) },
                ledger: try RedisLedger(url, logger: logger), tube: tube)
            do {
                let result = try await body(scenario)
                await scenario.ledger.close()
                return result
            } catch {
                await scenario.ledger.close()
                throw error
            }
        }
    }

    // MARK: Parts

    func producer(
        ledger: (any JobLedger)? = nil, _ configure: (inout ProducerConfiguration) -> Void = { _ in }
    ) throws -> Producer {
        var configuration = ProducerConfiguration()
        // Nodes that come back are to be noticed soon: tests wait for it.
        configuration.connection.backoff.maximum = .milliseconds(200)
        // On a machine with too much to do a server may take long to answer, and is not away for it.
        configuration.connection.connectTimeout = .seconds(20)
        configuration.writeTimeout = .seconds(20)
        configure(&configuration)
        return try Producer(nodes: nodes, ledger: ledger, configuration: configuration, logger: Self.logger)
    }

    func consumer(
        ledger: (any JobLedger)? = nil, logger: Logger = Scenario.logger,
        _ configure: (inout ConsumerConfiguration) -> Void = { _ in }
    ) throws -> Consumer {
        var configuration = ConsumerConfiguration()
        configuration.connection.backoff.maximum = .milliseconds(200)
        configuration.connection.connectTimeout = .seconds(20)
        configure(&configuration)
        return try Consumer(
            nodes: nodes, ledger: ledger ?? self.ledger, configuration: configuration, logger: logger)
    }

    /// What an operator does, for as long as the body runs.
    func withOperations<R>(
        _ configuration: JobQueueConfiguration = .init(), _ body: (QueueOperations) async throws -> R
    ) async throws -> R {
        var configuration = configuration
        configuration.connection.backoff.maximum = .milliseconds(200)
        configuration.connection.connectTimeout = .seconds(20)
        let operations = try QueueOperations(
            nodes: nodes, ledger: ledger, configuration: configuration, logger: Self.logger)
        let result: Result<R, any Error>
        do {
            result = .success(try await body(operations))
        } catch {
            result = .failure(error)
        }
        await operations.close()
        return try result.get()
    }

    /// Closes the producer and consumers once the body has ended, whatever its end.
    func closing<R>(
        _ producer: Producer?, _ consumers: Consumer..., body: () async throws -> R
    ) async throws -> R {
        let result: Result<R, any Error>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        await producer?.close(within: .seconds(1))
        for consumer in consumers { await consumer.close(within: .seconds(1)) }
        return try result.get()
    }

    /// Writes a job's copies as a producer would have done at another time.
    ///
    /// - Parameter delay: in seconds. What is delayed stands by on all nodes but the first.
    func write(_ id: String, due: Timestamp, copies: Int? = nil, delay: UInt32 = 0) async throws {
        let template = EnvelopeTemplate(
            id: try JobID(id), fireTime: due, timeToRun: 10, priority: 1, headers: [:], body: ByteBuffer(string: id))
        for node in nodes.indices {
            var bytes = ByteBuffer()
            template.write(copy: node, copies: copies ?? nodes.count, into: &bytes)
            try await withConnection(to: node, delay > 0 && node > 0 ? .standby : .main) { connection in
                _ = try await connection.put(bytes, priority: 1, delay: delay, timeToRun: 10, timeout: .seconds(10))
            }
        }
    }

    // MARK: Looking at nodes

    /// How many copies a node has in this scenario's tubes, in any state.
    func jobCount(on node: Int) async throws -> Int {
        try await sum(on: node) {
            $0.currentJobsReady + $0.currentJobsDelayed + $0.currentJobsReserved + $0.currentJobsBuried
        }
    }

    /// How many copies a node has buried in this scenario's tubes.
    func buriedCount(on node: Int) async throws -> Int { try await sum(on: node) { $0.currentJobsBuried } }

    /// How many copies a node has delayed in this scenario's tubes.
    func delayedCount(on node: Int) async throws -> Int { try await sum(on: node) { $0.currentJobsDelayed } }

    private func sum(on node: Int, _ count: (TubeStatistics) -> Int) async throws -> Int {
        var sum = 0
        for tube in CopyTube.allCases { sum += try await statistics(of: node, tube).map(count) ?? 0 }
        return sum
    }

    /// Makes a node's buried copies ready, or delayed ones where none is buried.
    func kick(on node: Int) async throws {
        for tube in CopyTube.allCases {
            _ = try await withConnection(to: node, tube) { try await $0.kick(bound: 10) }
        }
    }

    /// How many jobs its server was asked to show, by anybody.
    func peeks(on node: Int) async throws -> Int? {
        try await withConnection(to: node) { try await $0.stats().commandCount("peek") }
    }

    func statistics(of node: Int, _ tube: CopyTube = .main) async throws -> TubeStatistics? {
        try await withConnection(to: node) { connection in
            do throws(BeanstalkError) {
                return try await connection.statsTube(nodes[node].name(of: tube))
            } catch {
                // No such tube: nothing uses it any more.
                if error.code == .notFound { return nil }
                throw error
            }
        }
    }

    /// - Parameter tube: which one it uses.
    func withConnection<R>(
        to node: Int, _ tube: CopyTube = .main, _ body: (BeanstalkConnection) async throws -> R
    ) async throws -> R {
        var configuration = ConnectionConfiguration()
        configuration.connectTimeout = .seconds(20)
        let connection = BeanstalkConnection.beanstalk(
            nodes[node].address, useTube: nodes[node].name(of: tube), watchTubes: [nodes[node].tube],
            configuration: configuration,
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Self.logger)
        let result: Result<R, any Error>
        do {
            result = .success(try await body(connection))
        } catch {
            result = .failure(error)
        }
        await connection.close()
        return try result.get()
    }

    /// Asks again until the condition holds; for states of servers, which tell nobody when they change.
    func eventually(_ condition: () async throws -> Bool) async throws {
        while try await !condition() { try await Task.sleep(for: .milliseconds(5)) }
    }

    /// Waits until no node has a job of this scenario, while a consumer goes on and clears away copies of finished jobs.
    func nodesAreEmpty(after consumer: Consumer) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for try await job in consumer { Issue.record("\(job.id) was delivered again") }
            }
            try await nodesAreEmpty()
            group.cancelAll()
        }
    }

    /// Waits until no node has a job of this scenario; somebody must iterate a consumer meanwhile.
    func nodesAreEmpty() async throws {
        for node in nodes.indices { try await eventually { try await jobCount(on: node) == 0 } }
    }
}
