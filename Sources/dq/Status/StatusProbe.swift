import Beanstalk
import DelayQueue
import HiredisClient
import Logging
import NIOPosix

/// Asks all nodes and the ledger how they are, over connections kept between questions.
struct StatusProbe: Sendable {
    private let tube: String
    private let nodes: [(node: BeanstalkNode, connection: BeanstalkConnection)]
    private let ledger: RedisClient?

    /// - Throws: `RedisError` where the ledger's URL cannot be used.
    init(
        nodes: [BeanstalkNode], tube: String, connection: ConnectionConfiguration,
        ledger: (url: String, connection: ConnectionConfiguration)?, logger: Logger
    ) throws {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        self.tube = tube
        self.nodes = nodes.map { node in
            (
                node,
                .beanstalk(
                    node.address, useTube: node.tube, configuration: connection, eventLoop: eventLoop, logger: logger)
            )
        }
        self.ledger = try ledger.map {
            try RedisClient(
                url: try RedisURL(parsing: $0.url), configuration: $0.connection, eventLoop: eventLoop, logger: logger)
        }
    }

    func ask() async -> ClusterStatus {
        async let ledgerStatus = askLedger()
        let statuses = await withTaskGroup(of: (Int, NodeStatus).self) { group in
            for (index, node) in nodes.enumerated() {
                group.addTask { (index, await NodeStatus.ask(node.node, over: node.connection)) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        return ClusterStatus(
            time: .now(), tube: tube, nodes: statuses.sorted { $0.0 < $1.0 }.map(\.1), ledger: await ledgerStatus)
    }

    private func askLedger() async -> LedgerStatus? {
        guard let ledger else { return nil }
        return await LedgerStatus.ask(ledger)
    }

    func close() async {
        for node in nodes { await node.connection.close(drainingFor: .zero) }
        await ledger?.close()
    }
}
