import Beanstalk
import CommandSupport
import DelayQueue
import DelayQueueTestKit
import HiredisClient
import Logging
import NIOCore
import NIOPosix
import PipelinedTransport

/// The servers a measurement runs on, and everything that talks to them.
struct BenchCluster: Sendable {
    let nodes: [BeanstalkNode]
    let redisURL: String
    /// How jobs are written.
    let copyMode: CopyMode
    let logger: Logger
    let probe: ServerUsageProbe
    let raw: RawLoad

    var tube: TubeName { raw.tube }

    /// - Parameter tube: one that nobody else uses.
    /// - Throws: `CommandError` where a server cannot be talked to in plain TCP, which the ceilings need.
    init(addresses: [String], tube: String, redisURL: String, copyMode: CopyMode, logger: Logger) throws {
        nodes = try addresses.map { try BeanstalkNode($0, tube: tube) }
        self.redisURL = redisURL
        self.copyMode = copyMode
        self.logger = logger
        let url = try RedisURL(parsing: redisURL)
        guard !url.isTLS, url.password == nil else {
            throw CommandError("the ceilings are measured in plain TCP: give a Redis without TLS and password")
        }
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        probe = ServerUsageProbe(
            nodes: nodes.map { .beanstalk($0.address, eventLoop: eventLoop, logger: logger) },
            ledger: try RedisClient(url: url, eventLoop: eventLoop, logger: logger))
        raw = RawLoad(
            nodes: try nodes.map { try RawAddress($0.address) }, ledger: try RawAddress(url.address),
            tube: try TubeName(validating: tube))
    }

    /// The first nodes only, in a tube of its own; closed by itself.
    func first(_ count: Int) throws -> BenchCluster {
        try BenchCluster(
            addresses: nodes.prefix(count).map { "\($0.address)" }, tube: "dq-bench-\(JobID.random())",
            redisURL: redisURL, copyMode: copyMode, logger: logger)
    }

    func close() async {
        for node in probe.nodes { await node.close(drainingFor: .zero) }
        await probe.ledger.close()
    }

    func ledger() throws -> RedisLedger {
        var configuration = RedisLedgerConfiguration()
        configuration.eventLoop = ClusterOptions.eventLoop
        return try RedisLedger(redisURL, configuration: configuration, logger: logger)
    }

    /// On its ledger's event loop, as is recommended for one consumer in a process.
    func consumer(_ ledger: RedisLedger) throws -> Consumer {
        var configuration = ConsumerConfiguration()
        configuration.eventLoop = ClusterOptions.eventLoop
        return try Consumer(nodes: nodes, ledger: ledger, configuration: configuration, logger: logger)
    }

    func producer() throws -> Producer {
        var configuration = ProducerConfiguration()
        configuration.copyMode = copyMode
        // On a busy machine a node may lag behind; every job is to have all its copies all the same.
        configuration.stragglerGrace = .seconds(30)
        configuration.writeTimeout = .seconds(60)
        return try Producer(nodes: nodes, configuration: configuration, logger: logger)
    }

    // MARK: Filling

    /// Writes jobs that are due.
    func fill(jobs: Int, bodySize: Int) async throws -> [Receipt] {
        let producer = try producer()
        var options = JobOptions()
        options.pastDates = .runImmediately
        let body = ByteBuffer(repeating: UInt8(ascii: "x"), count: bodySize)
        let results = await producer.schedule((0..<jobs).map { _ in JobRequest(delay: .zero, body, options: options) })
        await producer.close()
        return try results.map { try $0.get() }
    }

    /// Writes jobs that are due in a day, with a copy on every node.
    ///
    /// - Returns: for each node the numbers it gave them.
    func fill(delayed jobs: Int, bodySize: Int, progress: (Int) -> Void) async throws -> [[UInt64]] {
        let body = ByteBuffer(repeating: UInt8(ascii: "x"), count: bodySize)
        var ids: [[UInt64]] = nodes.map { _ in [] }
        // Some at a time: all of them would take much memory here.
        for start in stride(from: 0, to: jobs, by: 20_000) {
            progress(start)
            let added = try await raw.onThread { raw in
                let puts = raw.puts(jobs: min(20_000, jobs - start), body: body, due: .now() + .seconds(86_400))
                return try raw.put(puts).ids
            }
            for node in ids.indices { ids[node] += added[node] }
        }
        return ids
    }

    /// How many copies the nodes have in the queue's tubes.
    func remaining() async throws -> Int {
        try await statistics().reduce(0) { $0 + $1.values.reduce(0) { $0 + $1.currentJobsReady + $1.unready } }
    }

    /// How many copies there are with which a consumer has yet to do something: those that wait to be taken, and those
    /// that stand by and are to be deleted where they lie.
    func untaken() async throws -> Int {
        try await statistics().reduce(0) { count, tubes in
            count + tubes.values.reduce(0) { $0 + $1.currentJobsReady } + (tubes[.standby]?.unready ?? 0)
        }
    }

    /// The tubes of each node; those that nobody uses and that are empty it has forgotten.
    func statistics() async throws -> [[CopyTube: TubeStatistics]] {
        var statistics: [[CopyTube: TubeStatistics]] = []
        for (node, connection) in zip(nodes, probe.nodes) {
            var tubes: [CopyTube: TubeStatistics] = [:]
            for tube in CopyTube.allCases {
                do throws(BeanstalkError) {
                    tubes[tube] = try await connection.statsTube(node.name(of: tube))
                } catch {
                    guard error.code == .notFound else { throw error }
                }
            }
            statistics.append(tubes)
        }
        return statistics
    }

    // MARK: Leaving nothing behind

    func clear(_ receipts: [Receipt]) async throws { try await clear(ids(of: receipts)) }

    /// The numbers that each node gave the jobs' copies.
    func ids(of receipts: [Receipt]) -> [[UInt64]] {
        var ids: [[UInt64]] = nodes.map { _ in [] }
        for placement in receipts.lazy.flatMap(\.placements) {
            guard let node = nodes.firstIndex(of: placement.node), let id = placement.id else { continue }
            ids[node].append(id.rawValue)
        }
        return ids
    }

    /// - Parameter ids: for each node.
    func clear(_ ids: [[UInt64]]) async throws {
        try await raw.onThread { try $0.delete(ids) }
    }
}

extension TubeStatistics {
    fileprivate var unready: Int { currentJobsReserved + currentJobsDelayed + currentJobsBuried }
}

extension RawAddress {
    init(_ address: ServerAddress) throws {
        guard case .hostname(let host, let port) = address.kind else {
            throw CommandError("the ceilings are measured in plain TCP: give \(address) as host:port")
        }
        self.init(host: host, port: port)
    }
}
