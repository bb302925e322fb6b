public import NIOCore
public import PipelinedTransport

/// How a ``Producer`` writes jobs.
public struct ProducerConfiguration: Sendable {
    /// How many nodes each job is written to, where that many are up. 3 by default.
    public var copies: Int = 3

    /// How many nodes must have acknowledged a job before it counts as accepted. 2 by default, and at least 2:
    /// a job with a single copy is lost with its node.
    public var minimumWritten: Int = 2

    /// When the copies of a job become ready: one of them at its date, or all together. Jobs in go-queue's format are
    /// written together always.
    public var copyMode: CopyMode = .standby

    /// How long a job that is accepted already waits for the nodes that have not answered, and a lead for standbys that
    /// are not known to be stored. 250 ms by default.
    ///
    /// A node that misses it counts as slow: later calls do not wait for it until it has answered.
    public var stragglerGrace: Duration = .milliseconds(250)

    /// How long a call waits for enough acknowledgements. 5 seconds by default.
    public var writeTimeout: Duration = .seconds(5)

    /// The largest record of a job that is written, in bytes: its body, headers and what else is stored with it. 1 MiB by
    /// default; at most 1 GiB. A larger job is refused as `bodyTooLarge`.
    ///
    /// Consumers must read records of that size (``ConsumerConfiguration/maximumRecordSize``) before the first producer writes
    /// one, and nodes take them (`-z`).
    public var maximumRecordSize: Int = RecordSize.defaultMaximum

    /// How long ledger records of revoked and refused jobs last.
    public var timing: LedgerTiming = .init()

    /// The queue's name, where the nodes use different tubes; the tube's name by default.
    ///
    /// Part of every ledger key, so producers and consumers of one queue must agree on it.
    public var queue: String?

    #if Sealing
        /// The keys jobs are sealed with, so that nobody who can write to a node can forge one, nor, with
        /// ``KeyRing/Mode/encrypt``, read one; nil writes them as they are. Not for go-queue's format.
        ///
        /// Consumers need the current key before the first producer uses it.
        public var keyRing: KeyRing?
    #endif

    /// How connections to the nodes are made and kept. With TLS in it, each node's certificate must bear that node's
    /// own name.
    public var connection: ConnectionConfiguration = .init()

    /// The event loop all connections run on; one of the process's shared loops by default.
    public var eventLoop: (any EventLoop)?

    /// The clocks the producer goes by; its event loop's time goes with them.
    package var clock: any EngineClock = MachineClock()

    public init() {}

    /// Everything that is wrong with the configuration, in words.
    func problems(nodes: [BeanstalkNode]) -> [String] {
        var problems: [String] = []
        if minimumWritten < 2 {
            problems.append(
                "minimumWritten is \(minimumWritten); it must be at least 2, or a job could be lost with one node")
        }
        if copies > CopySet.maximumCount {
            problems.append("copies is \(copies); it must be at most \(CopySet.maximumCount)")
        }
        if copies < minimumWritten {
            problems.append("copies is \(copies); it must be at least minimumWritten (\(minimumWritten))")
        }
        if nodes.count < minimumWritten {
            problems.append(
                "\(nodes.count) \(nodes.count == 1 ? "node is" : "nodes are") given; a job needs at least "
                    + "\(minimumWritten) (minimumWritten), on different servers")
        }
        if stragglerGrace < .zero { problems.append("stragglerGrace must not be negative") }
        problems += RecordSize.problems(maximumRecordSize)
        if writeTimeout <= .zero { problems.append("writeTimeout must be more than zero") }
        return problems + timing.problems + QueueName.problems(nodes: nodes, queue: queue)
    }
}
