/// Several beanstalkd nodes and, by default, a Redis, all started for one test.
public struct LocalCluster: Sendable {
    public let nodes: [BeanstalkdServer]
    public let redis: RedisServer?

    /// The nodes' addresses, `127.0.0.1:PORT` each.
    public var addresses: [String] { nodes.map(\.address) }

    /// The address of a queue on these servers, as `JobQueue` takes it, and programs under test by their environment.
    ///
    /// - Throws: ``TestKitError`` with the code `missingLedger` where the cluster was started without a Redis.
    public func queueAddress(_ name: String) throws -> String {
        guard let redis else {
            throw TestKitError(.missingLedger, "a queue needs a ledger; start the cluster with a Redis")
        }
        // What has a meaning in the address too.
        let ledger = redis.url.reduce(into: "") { text, character in
            switch character {
            case "%": text += "%25"
            case "&": text += "%26"
            case "+": text += "%2B"
            default: text.append(character)
            }
        }
        return "dq://\(addresses.joined(separator: ","))/\(name)?ledger=\(ledger)"
    }

    /// Starts all servers at the same time and waits until all of them answer.
    ///
    /// Where one fails or the task is cancelled, the others are stopped before this throws.
    ///
    /// - Parameter binlog: whether nodes keep their jobs over `kill()` and `restart()`.
    /// - Throws: ``TestKitError`` with the codes of ``BeanstalkdServer/start(binlog:options:)``; `CancellationError`.
    public static func start(
        nodes: Int = 3,
        redis: Bool = true,
        binlog: Bool = false,
        beanstalkdOptions: BeanstalkdOptions = .init(),
        redisOptions: RedisOptions = .init()
    ) async throws -> LocalCluster {
        try await withThrowingTaskGroup(of: Member.self) { group in
            for index in 0..<nodes {
                group.addTask {
                    .node(index, try await BeanstalkdServer.start(binlog: binlog, options: beanstalkdOptions))
                }
            }
            if redis {
                group.addTask { .redis(try await RedisServer.start(options: redisOptions)) }
            }
            var members: [Member] = []
            var failure: (any Error)?
            // Each is waited for, whatever became of the others: only what has been started can be stopped.
            while let result = await group.nextResult() {
                switch result {
                case .success(let member):
                    members.append(member)
                case .failure(let error):
                    failure = failure ?? error
                    group.cancelAll()
                }
            }
            let cluster = LocalCluster(members)
            if let failure {
                await cluster.stop()
                throw failure
            }
            return cluster
        }
    }

    private enum Member: Sendable {
        case node(Int, BeanstalkdServer)
        case redis(RedisServer)
    }

    private init(_ members: [Member]) {
        var nodes: [(index: Int, server: BeanstalkdServer)] = []
        var redis: RedisServer?
        for member in members {
            switch member {
            case .node(let index, let server): nodes.append((index, server))
            case .redis(let server): redis = server
            }
        }
        self.nodes = nodes.sorted { $0.index < $1.index }.map(\.server)
        self.redis = redis
    }

    /// Stops all servers at the same time and removes their folders. Not interrupted by cancellation.
    public func stop() async {
        await withTaskGroup(of: Void.self) { group in
            for node in nodes {
                group.addTask { await node.stop() }
            }
            if let redis {
                group.addTask { await redis.stop() }
            }
        }
    }
}
