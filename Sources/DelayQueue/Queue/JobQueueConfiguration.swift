public import NIOCore
import NIOPosix
public import PipelinedTransport

/// What producers and consumers of a ``JobQueue`` agree on, besides its name, nodes and ledger.
public struct JobQueueConfiguration: Sendable {
    /// How many nodes each job is written to, where that many are up. 3 by default.
    public var copies: Int = 3

    /// How many nodes must have acknowledged a job before it counts as accepted. 2 by default, and at least 2.
    public var minimumWritten: Int = 2

    /// When the copies of a job become ready: one of them at its date, or all together.
    public var copyMode: CopyMode = .standby

    /// The largest record of a job that is written and read, in bytes. 1 MiB by default. Where it is raised, programs that
    /// consume are to know it first. See ``ConsumerConfiguration/maximumRecordSize``.
    public var maximumRecordSize: Int = RecordSize.defaultMaximum

    /// How long claims and ledger records last.
    public var timing: LedgerTiming = .init()

    #if Sealing
        /// The keys jobs are sealed and opened with; nil writes them as they are. See ``ProducerConfiguration/keyRing``.
        public var keyRing: KeyRing?

        /// Whether jobs that are not sealed run where there is a key ring. Refused by default.
        public var unsealedJobs: UnsealedJobPolicy = .refuse
    #endif

    /// How connections to the nodes are made and kept. With TLS in it, each node's certificate must bear that node's
    /// own name.
    public var connection: ConnectionConfiguration = .init()

    /// The event loop on which the queue's producers, consumers and ledger run; one of the process's shared loops by default.
    public var eventLoop: (any EventLoop)?

    /// The clocks the queue goes by; the event loop's time goes with them.
    package var clock: any EngineClock = MachineClock()

    /// See ``ConsumerConfiguration/idleBlock``.
    package var idleBlock: UInt32 = ConsumerConfiguration().idleBlock

    /// See ``ConsumerConfiguration/checkInInterval``.
    package var checkInInterval: Duration = ConsumerConfiguration().checkInInterval

    public init() {}

    /// One loop for all that is made for the queue: then nobody waits for another one's thread.
    mutating func chooseEventLoop() -> any EventLoop {
        let chosen = eventLoop ?? MultiThreadedEventLoopGroup.singleton.next()
        eventLoop = chosen
        return chosen
    }

    var forProducers: ProducerConfiguration {
        var result = ProducerConfiguration()
        result.copies = copies
        result.minimumWritten = minimumWritten
        result.copyMode = copyMode
        result.maximumRecordSize = maximumRecordSize
        result.timing = timing
        #if Sealing
            result.keyRing = keyRing
        #endif
        result.connection = connection
        result.eventLoop = eventLoop
        result.clock = clock
        return result
    }

    var forConsumers: ConsumerConfiguration {
        var result = ConsumerConfiguration()
        result.maximumRecordSize = maximumRecordSize
        result.timing = timing
        #if Sealing
            result.keyRing = keyRing
            result.unsealedJobs = unsealedJobs
        #endif
        result.connection = connection
        result.eventLoop = eventLoop
        result.clock = clock
        result.idleBlock = idleBlock
        result.checkInInterval = checkInInterval
        return result
    }
}
