public import Logging
import NIOConcurrencyHelpers
package import NIOCore
public import PipelinedTransport

/// A queue: its name, nodes, ledger, timing and keys, all that producers and consumers must agree on, in one value.
///
/// ```swift
/// let queue = try JobQueue("dq://10.0.0.1,10.0.0.2,10.0.0.3/invoices?ledger=redis://10.0.0.4:6379")
/// let receipt = try await queue.producer.at(date, "send invoice 42")
/// for try await job in try queue.makeConsumer() { … }
/// ```
///
/// However often the value is passed on, it stands for one queue. Nothing is connected before it is needed. Closing it
/// closes the producers and consumers it made, and the ledger where it made that. In a `ServiceGroup` it is a service
/// that ends by closing: list it before whatever uses it, as services end in the reverse order.
public struct JobQueue: Sendable {
    /// What was made, and is closed with the queue.
    private struct Made {
        weak var consumer: ConsumerEngine?
        weak var producer: ProducerEngine?
    }

    /// The name of the queue, in the ledger and of the tube on its nodes.
    public let name: String

    /// The queue's nodes, with its tube on each.
    public let nodes: [BeanstalkNode]

    /// The ledger that the queue's producers and consumers share.
    public let ledger: any JobLedger

    /// The queue's own producer, which any number of tasks may use.
    public let producer: Producer

    package let configuration: JobQueueConfiguration

    /// Where the queue's producers and consumers run.
    package let eventLoop: any EventLoop

    let logger: Logger
    private let ownsLedger: Bool
    private let made: NIOLockedValueBox<(all: [Made], isClosed: Bool)>

    /// - Parameters:
    ///   - name: 1 to 183 characters of beanstalkd's set for tube names; the name of the tube on each node as well.
    ///   - nodes: independent beanstalkd servers, at least ``JobQueueConfiguration/minimumWritten`` of them.
    ///   - ledger: is not closed by the queue, and may serve others.
    /// - Throws: `invalidConfiguration`, listing every problem.
    public init(
        _ name: String, nodes: [ServerAddress], ledger: any JobLedger, configuration: JobQueueConfiguration = .init(),
        logger: Logger = Logger(label: "DelayQueue")
    ) throws(DelayQueueError) {
        try self.init(
            name, nodes: nodes, ledger: ledger, ownsLedger: false, configuration: configuration, logger: logger)
    }

    /// The queue that an address tells of; its ledger is made, and closed with the queue.
    ///
    /// - Parameter configuration: what the address names is taken from there.
    /// - Throws: `invalidConfiguration`, listing every problem.
    public init(
        _ address: JobQueueAddress, configuration: JobQueueConfiguration = .init(),
        logger: Logger = Logger(label: "DelayQueue")
    ) throws(DelayQueueError) {
        var configuration = configuration
        address.apply(to: &configuration)
        let eventLoop = configuration.chooseEventLoop()
        var ledger = RedisLedgerConfiguration()
        ledger.eventLoop = eventLoop
        try self.init(
            address.name, nodes: address.nodes,
            ledger: RedisLedger(address.ledger, configuration: ledger, logger: logger), ownsLedger: true,
            configuration: configuration, logger: logger)
    }

    /// Reads a ``JobQueueAddress``, as `dq://node1,node2,node3/invoices?ledger=redis://10.0.0.4:6379`.
    ///
    /// - Throws: `invalidConfiguration`, listing every problem.
    public init(
        _ address: String, configuration: JobQueueConfiguration = .init(),
        logger: Logger = Logger(label: "DelayQueue")
    ) throws(DelayQueueError) {
        try self.init(JobQueueAddress(address), configuration: configuration, logger: logger)
    }

    package init(
        _ name: String, nodes addresses: [ServerAddress], ledger: any JobLedger, ownsLedger: Bool,
        configuration: JobQueueConfiguration, logger: Logger
    ) throws(DelayQueueError) {
        var configuration = configuration
        eventLoop = configuration.chooseEventLoop()
        guard let tube = try? TubeName(validating: name) else {
            throw .invalidConfiguration([
                "name \(name.debugDescription) must be 1 to 183 of A-Z a-z 0-9 + / ; . $ _ ( ) -, not starting with -"
            ])
        }
        let nodes = addresses.map { BeanstalkNode(address: $0, tube: tube) }
        self.name = name
        self.nodes = nodes
        self.ledger = ledger
        self.ownsLedger = ownsLedger
        self.configuration = configuration
        self.logger = logger
        producer = try Producer(nodes: nodes, ledger: ledger, configuration: configuration.forProducers, logger: logger)
        made = NIOLockedValueBox(([Made(producer: producer.engine)], false))
    }

    /// A stream of the queue's due jobs.
    ///
    /// - Parameter adjust: changes what is the consumer's own affair, such as its retry policy. What it agrees on with
    ///   the producers comes from the queue.
    /// - Throws: `invalidConfiguration`, listing every problem; what `adjust` throws; `closed`.
    public func makeConsumer(
        _ adjust: (inout ConsumerConfiguration) throws(DelayQueueError) -> Void = { _ in }
    ) throws(DelayQueueError) -> Consumer {
        var settings = configuration.forConsumers
        try adjust(&settings)
        let consumer = try Consumer(nodes: nodes, ledger: ledger, configuration: settings, logger: logger)
        let isClosed = made.withLockedValue { made in
            made.all.removeAll { $0.consumer == nil && $0.producer == nil }
            if !made.isClosed { made.all.append(Made(consumer: consumer.engine)) }
            return made.isClosed
        }
        guard !isClosed else { throw DelayQueueError(.closed, "queue \(name) was closed") }
        return consumer
    }

    /// Whether the queue was closed, or is being.
    package var isClosed: Bool { made.withLockedValue { $0.isClosed } }

    /// How the job of an id of your own stands. See ``Producer/status(of:)``.
    public func status(of id: JobID) async throws(DelayQueueError) -> JobStatus { try await producer.status(of: id) }

    /// Takes a job back before it runs. See ``Producer/revoke(_:)-(Receipt)``.
    public func revoke(_ receipt: Receipt) async throws(DelayQueueError) -> RevokeOutcome {
        try await producer.revoke(receipt)
    }

    /// Takes back the job that an id of your own means. See ``Producer/revoke(_:)-(JobID)``.
    public func revoke(_ id: JobID) async throws(DelayQueueError) -> RevokeOutcome { try await producer.revoke(id) }

    /// Closes the queue's consumers, as ``Consumer/close(within:)`` does, then its producer, and the ledger where the queue
    /// made it.
    ///
    /// Not interrupted by cancellation.
    ///
    /// - Parameter limit: how long jobs under way may take to be settled, and calls to be answered, each.
    public func close(within limit: Duration = .seconds(10)) async {
        let made = made.withLockedValue { made in
            made.isClosed = true
            return made.all
        }
        await withTaskGroup(of: Void.self) { group in
            for consumer in made.compactMap(\.consumer) { group.addTask { await consumer.close(within: limit) } }
        }
        for producer in made.compactMap(\.producer) { await producer.close(within: limit) }
        if ownsLedger { await ledger.close() }
    }
}
