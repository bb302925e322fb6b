public import NIOCore
public import PipelinedTransport

/// How a ``Consumer`` takes and runs jobs.
public struct ConsumerConfiguration: Sendable {
    /// How long claims and ledger records last.
    ///
    /// The lease is the time after which a dead consumer's jobs run elsewhere; a job's time to run on the nodes, chosen
    /// by its producer, counts as well.
    public var timing: LedgerTiming = .init()

    /// When a failed job runs again, and after how many failures it is given up.
    public var retryPolicy: RetryPolicy = .init()

    /// What becomes of a job so late that its ledger record may have run out; by default its copies are buried on their
    /// nodes.
    public var lateJobs: LateJobPolicy = .bury

    /// What becomes of a record neither this package nor go-queue wrote; it is buried by default.
    public var foreignJobs: ForeignJobPolicy = .bury

    /// Whether a job may run more than once; after a crash it does by default.
    public var deliveryGuarantee: DeliveryGuarantee = .atLeastOnce

    /// How long a settlement is tried again while the ledger is away, before it fails with `ledgerUnavailable`. 30
    /// seconds by default.
    public var settleTimeout: Duration = .seconds(30)

    /// The largest record of a job that is read, in bytes: its body, headers and what else is stored with it. 1 MiB by
    /// default; at most 1 GiB. Producers write none that is larger than theirs
    /// (``ProducerConfiguration/maximumRecordSize``).
    ///
    /// A larger one is buried on its node, counted and logged with its node and number, and the jobs behind it run. It runs
    /// once a consumer reads records of its size and it was kicked.
    public var maximumRecordSize: Int = RecordSize.defaultMaximum

    /// The most bytes of records that are held at any time, from the moment they are reserved until their jobs have ended;
    /// those of running jobs count. 64 MiB by default.
    ///
    /// Each node has an equal share, so that no node's jobs wait because of another's. Where a share is full its node is
    /// asked for no more jobs until one of its own has ended. What was asked for before comes on top of that: two of the
    /// largest records a node, or 1 MiB where that is more. A record may take twice its size in memory.
    public var maximumHeldBytes: Int = RecordSize.defaultMaximumHeld

    /// The queue's name, where the nodes use different tubes; the tube's name by default.
    ///
    /// Part of every ledger key, so producers and consumers of one queue must agree on it.
    public var queue: String?

    #if Sealing
        /// The keys sealed jobs are opened with; nil where producers have none.
        ///
        /// A copy that is not proven to be a producer's is buried on its node, counted and logged; it is never run or
        /// deleted, and the ledger is told nothing of it. Such a copy is not sealed, or with an unknown key; or it was
        /// changed, or moved from another job, copy or queue.
        public var keyRing: KeyRing?

        /// Whether jobs that are not sealed run where there is a key ring. Refused by default.
        public var unsealedJobs: UnsealedJobPolicy = .refuse
    #endif

    /// How connections to the nodes are made and kept. With TLS in it, each node's certificate must bear that node's
    /// own name.
    public var connection: ConnectionConfiguration = .init()

    /// The event loop all connections run on; one of the process's shared loops by default.
    ///
    /// A process with one consumer does well to give its `RedisLedger` the same loop: neither then waits for the
    /// other's thread, which costs a tenth of the client's CPU where jobs come fast. With several, each on its own
    /// loop, more processors can be used.
    public var eventLoop: (any EventLoop)?

    /// The clocks the consumer goes by; its event loop's time goes with them.
    package var clock: any EngineClock = MachineClock()

    /// How long a reserve waits on a connection that holds nothing, in seconds: so often a quiet node shows that it is
    /// alive.
    package var idleBlock: UInt32 = 60

    /// How often the consumer checks in with the ledger, and with that is told of pauses where nobody else does.
    package var checkInInterval: Duration = .seconds(1)

    public init() {}

    /// Everything that is wrong with the configuration, in words.
    func problems(nodes: [BeanstalkNode]) -> [String] {
        var problems: [String] = []
        if nodes.isEmpty { problems.append("nodes is empty; name the nodes the producers write to") }
        if timing.lease < .milliseconds(100) {
            problems.append("timing.lease is \(timing.lease); it must be at least 100 ms")
        }
        problems += timing.problems + retryPolicy.problems
        if deliveryGuarantee == .atMostOnce, foreignJobs == .deliver {
            problems.append(
                "foreignJobs is deliver and deliveryGuarantee atMostOnce; no ledger knows of foreign jobs, so they "
                    + "can not be kept from running again")
        }
        problems += RecordSize.problems(maximumRecordSize)
        if maximumHeldBytes < maximumRecordSize {
            problems.append(
                "maximumHeldBytes is \(maximumHeldBytes); it must be at least maximumRecordSize (\(maximumRecordSize)), or "
                    + "the largest job could not run")
        }
        if settleTimeout <= .zero { problems.append("settleTimeout must be more than zero") }
        return problems + QueueName.problems(nodes: nodes, queue: queue)
    }
}
