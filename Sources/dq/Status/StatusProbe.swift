import Beanstalk
import DelayQueue
import HiredisClient
import Logging
import NIOPosix
import PipelinedTransport

/// Asks all nodes and the ledger how they are, over connections kept between questions.
struct StatusProbe: Sendable {
    private let tube: String
    private let nodes: [(node: BeanstalkNode, connection: BeanstalkConnection)]
    private let ledger: RedisClient?
    private let queue: (operations: QueueOperations, ledger: RedisLedger)?

    /// - Throws: `RedisError` where the ledger's URL cannot be used.
    init(
        nodes: [BeanstalkNode], tube: String, connection: ConnectionConfiguration,
        maximumRecordSize: Int, ledger: (url: String, connection: ConnectionConfiguration)?, logger: Logger
    ) throws {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        self.tube = tube
        self.nodes = nodes.map { node in
            (
                node,
                .beanstalk(
                    node.address, useTube: node.tube, identifiesServer: true, maximumBodySize: maximumRecordSize,
                    configuration: connection, eventLoop: eventLoop, logger: logger)
            )
        }
        self.ledger = try ledger.map {
            try RedisClient(
                url: try RedisURL(parsing: $0.url), configuration: $0.connection, eventLoop: eventLoop, logger: logger)
        }
        self.queue = try ledger.map { url, ledgerConnection in
            var configuration = RedisLedgerConfiguration()
            configuration.connection = ledgerConnection
            configuration.timeout = .seconds(2)
            let ledger = try RedisLedger(url, configuration: configuration, logger: logger)
            var settings = JobQueueConfiguration()
            settings.connection = connection
            return (
                try QueueOperations(nodes: nodes, ledger: ledger, configuration: settings, logger: logger), ledger
            )
        }
    }

    func ask() async -> ClusterStatus {
        async let ledgerStatus = askLedger()
        async let deadCopies = askForDeadCopies()
        async let boardAnswer = askForBoard()
        let statuses = await withTaskGroup(of: (Int, NodeStatus).self) { group in
            for (index, node) in nodes.enumerated() {
                group.addTask { (index, await NodeStatus.ask(node.node, over: node.connection)) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var copies: [ServerAddress: [CopyTube: Int]]?
        var problem: String?
        switch await deadCopies {
        case .success(let counts)?: copies = counts
        case .failure(let error)?: problem = error.message
        case nil: break
        }
        let marked = statuses.sorted { $0.0 < $1.0 }.map { _, status in
            var status = status
            status.answer?.deadCopies = copies?[status.node.address, default: [:]]
            return status
        }
        var status = ClusterStatus(
            time: .now(), tube: tube, nodes: marked, ledger: await ledgerStatus, deadProblem: problem)
        switch await boardAnswer {
        case .success(let board)?: status.board = board
        case .failure(let error)?: status.boardProblem = error.message
        case nil: break
        }
        return status
    }

    /// Nil where there is no ledger.
    private func askForDeadCopies() async -> Result<[ServerAddress: [CopyTube: Int]], DelayQueueError>? {
        guard let queue else { return nil }
        do throws(DelayQueueError) {
            return .success(await queue.operations.copies(of: try await queue.operations.deadJobs()))
        } catch {
            return .failure(error)
        }
    }

    /// Nil where there is no ledger.
    private func askForBoard() async -> Result<BoardStatus, DelayQueueError>? {
        guard let queue else { return nil }
        do throws(DelayQueueError) {
            let board = try await queue.operations.board()
            return .success(BoardStatus(pause: board.pause, consumers: board.consumers))
        } catch {
            return .failure(error)
        }
    }

    private func askLedger() async -> LedgerStatus? {
        guard let ledger else { return nil }
        return await LedgerStatus.ask(ledger, queue: tube)
    }

    func close() async {
        for node in nodes { await node.connection.close(drainingFor: .zero) }
        await ledger?.close()
        await queue?.operations.close()
        await queue?.ledger.close()
    }
}
