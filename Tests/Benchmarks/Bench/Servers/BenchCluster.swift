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
    let logger: Logger
    let probe: ServerUsageProbe
    let raw: RawLoad

    var tube: TubeName { raw.tube }

    /// - Parameter tube: one that nobody else uses.
    /// - Throws: `CommandError` where a server cannot be talked to in plain TCP, which the ceilings need.
    init(addresses: [String], tube: String, redisURL: String, logger: Logger) throws {
        nodes = try addresses.map { try BeanstalkNode($0, tube: tube) }
        self.redisURL = redisURL
        self.logger = logger
        let url = try RedisURL(parsing: redisURL)
        guard !url.isTLS, url.username == nil else {
            throw CommandError("the ceilings are measured in plain TCP: give a Redis without TLS and user name")
        }
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        probe = ServerUsageProbe(
            nodes: nodes.map { .beanstalk($0.address, eventLoop: eventLoop, logger: logger) },
            ledger: try RedisClient(url: url, eventLoop: eventLoop, logger: logger))
        raw = RawLoad(
            nodes: try nodes.map { try RawAddress($0.address) },
            ledger: try RawAddress(url.address, password: url.password),
            tube: nodes[0].tube, standbyTube: nodes[0].standbyTube)
    }

    /// The first nodes only, in a tube of its own; closed by itself.
    func first(_ count: Int) throws -> BenchCluster {
        try BenchCluster(
            addresses: nodes.prefix(count).map { "\($0.address)" }, tube: "dq-bench-\(JobID.random())",
            redisURL: redisURL, logger: logger)
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

    /// - Parameter ledger: with one, calls return before their leads are stored.
    func producer(_ mode: CopyMode, ledger: RedisLedger? = nil) throws -> Producer {
        var configuration = ProducerConfiguration()
        configuration.copyMode = mode
        // On a busy machine a node may lag behind; every job is to have all its copies all the same.
        configuration.stragglerGrace = .seconds(30)
        configuration.writeTimeout = .seconds(60)
        return try Producer(nodes: nodes, ledger: ledger, configuration: configuration, logger: logger)
    }

    // MARK: Filling

    /// Writes jobs that are due.
    func fill(jobs: Int, bodySize: Int, mode: CopyMode) async throws -> [Receipt] {
        let producer = try producer(mode)
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
    func fill(
        delayed jobs: Int, bodySize: Int, mode: CopyMode, progress: (Int) -> Void
    ) async throws -> [[UInt64]] {
        let body = ByteBuffer(repeating: UInt8(ascii: "x"), count: bodySize)
        var ids: [[UInt64]] = nodes.map { _ in [] }
        // Some at a time: all of them would take much memory here.
        for start in stride(from: 0, to: jobs, by: 20_000) {
            progress(start)
            let added = try await raw.onThread { raw in
                let puts = raw.puts(
                    jobs: min(20_000, jobs - start), body: body, due: .now() + .seconds(86_400),
                    mode: mode)
                return try raw.put(puts).ids
            }
            for node in ids.indices { ids[node] += added[node] }
        }
        return ids
    }

    /// How many copies the nodes have.
    ///
    /// - Parameter isReady: counts only those that wait to be taken or deleted: what is ready, and what stands by.
    func remaining(isReady: Bool = false) async throws -> Int {
        var count = 0
        for (node, place) in zip(probe.nodes, nodes) {
            let main = try await statistics(of: place.tube, on: node)
            let standby = try await statistics(of: place.standbyTube, on: node)
            for tube in [main, standby].compactMap({ $0 }) {
                count += tube.currentJobsReady
                if !isReady { count += tube.currentJobsReserved + tube.currentJobsBuried + tube.currentJobsDelayed }
            }
            if isReady { count += standby?.currentJobsDelayed ?? 0 }
        }
        return count
    }

    /// How many copies each node has to be reserved, standbys left out.
    func ready() async throws -> [Int] {
        var counts: [Int] = []
        for node in probe.nodes { counts.append(try await statistics(of: tube, on: node)?.currentJobsReady ?? 0) }
        return counts
    }

    /// - Returns: nil for a tube that nobody uses and that is empty, which its node has forgotten.
    private func statistics(of tube: TubeName, on node: BeanstalkConnection) async throws -> TubeStatistics? {
        do throws(BeanstalkError) {
            return try await node.statsTube(tube)
        } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
    }

    // MARK: Leaving nothing behind

    func clear(_ receipts: [Receipt]) async throws {
        var ids: [[UInt64]] = nodes.map { _ in [] }
        for placement in receipts.lazy.flatMap(\.placements) {
            guard let node = nodes.firstIndex(of: placement.node), let id = placement.id else { continue }
            ids[node].append(id.rawValue)
        }
        try await clear(ids)
        // Those that calls did not wait for have no number there.
        for node in nodes where receipts.contains(where: { $0.placements.contains { $0.node == node && $0.id == nil } })
        {
            let connection = BeanstalkConnection.beanstalk(
                node.address, useTube: node.tube, eventLoop: ClusterOptions.eventLoop, logger: logger)
            while let job = try await connection.peekDelayed() { try await connection.delete(job.id) }
            await connection.close(drainingFor: .zero)
        }
    }

    /// - Parameter ids: for each node.
    func clear(_ ids: [[UInt64]]) async throws {
        try await raw.onThread { try $0.delete(ids) }
    }
}

extension RawAddress {
    init(_ address: ServerAddress, password: String? = nil) throws {
        guard case .hostname(let host, let port) = address.kind else {
            throw CommandError("the ceilings are measured in plain TCP: give \(address) as host:port")
        }
        self.init(host: host, port: port, password: password)
    }
}
