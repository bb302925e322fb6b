import Beanstalk
public import Logging
import NIOPosix
import PipelinedTransport

/// What a person does with a queue, or a program for one: looks at jobs, and decides about them.
///
/// ```swift
/// let operations = QueueOperations(queue)
/// for job in try await operations.deadJobs() where job.reason.contains("smtp") { try await operations.replay(job.id) }
/// await operations.close()
/// ```
///
/// However often the value is passed on, it has one connection for each node, made when it is first needed; all nodes
/// are asked at the same time. Calls that need the ledger fail with `ledgerUnavailable`, `ledgerMisconfigured`,
/// `ledgerRecordUnreadable`, `cancelled` or `closed`, as the ledger does. A node that is away makes no call fail that
/// does not say so: once it is back, consumers ask the ledger about the copies it has.
public struct QueueOperations: Sendable {
    /// A node, and the connection to it.
    struct Place: Sendable {
        let node: BeanstalkNode
        let connection: BeanstalkConnection
    }

    let carrier: any LedgerCarrier
    let queueName: TubeName
    let configuration: JobQueueConfiguration
    let places: [Place]
    let logger: Logger

    /// - Parameters:
    ///   - queue: is not closed with this value, nor does it close it.
    public init(_ queue: JobQueue) {
        self.init(
            nodes: queue.nodes, ledger: queue.ledger,
            queueName: QueueName.resolve(nodes: queue.nodes, queue: queue.name), configuration: queue.configuration,
            logger: queue.logger)
    }

    /// - Parameters:
    ///   - nodes: every node of the queue.
    ///   - ledger: the consumers' ledger, which ``close()`` does not close.
    ///   - queue: the queue's name, where producers and consumers were told one.
    ///   - configuration: the same as that of producers and consumers.
    /// - Throws: `invalidConfiguration`, listing every problem.
    public init(
        nodes: [BeanstalkNode],
        ledger: any JobLedger,
        queue: String? = nil,
        configuration: JobQueueConfiguration = .init(),
        logger: Logger = Logger(label: "DelayQueue.QueueOperations")
    ) throws(DelayQueueError) {
        let problems = QueueName.problems(nodes: nodes, queue: queue) + configuration.timing.problems
        guard problems.isEmpty else { throw DelayQueueError.invalidConfiguration(problems) }
        self.init(
            nodes: nodes, ledger: ledger, queueName: QueueName.resolve(nodes: nodes, queue: queue),
            configuration: configuration, logger: logger)
    }

    private init(
        nodes: [BeanstalkNode], ledger: any JobLedger, queueName: TubeName, configuration: JobQueueConfiguration,
        logger: Logger
    ) {
        self.carrier = ledger.access.carrier
        self.queueName = queueName
        self.configuration = configuration
        self.logger = logger
        let eventLoop = configuration.eventLoop ?? MultiThreadedEventLoopGroup.singleton.next()
        self.places = nodes.map { node in
            Place(
                node: node,
                connection: .beanstalk(
                    node.address, identifiesServer: true, maximumBodySize: configuration.maximumRecordSize,
                    configuration: configuration.connection, eventLoop: eventLoop, logger: logger))
        }
    }

    func place(_ address: ServerAddress) -> Place? { places.first { $0.node.address == address } }

    /// Closes the connections to the nodes.
    ///
    /// Not interrupted by cancellation.
    public func close() async {
        for place in places { await place.connection.close() }
    }
}
