#if Configuration
    public import Configuration
    public import Logging

    extension JobQueue {
        /// The queue that a program's configuration tells of; its ledger is made, and closed with the queue.
        ///
        /// ```swift
        /// let config = ConfigReader(provider: EnvironmentVariablesProvider())
        /// // INVOICES_NAME=invoices INVOICES_NODES=10.0.0.1,10.0.0.2,10.0.0.3 INVOICES_LEDGER=redis://10.0.0.4:6379
        /// let queue = try JobQueue(config: config.scoped(to: "invoices"))
        /// ```
        ///
        /// | key | meaning |
        /// |---|---|
        /// | `url` | a ``JobQueueAddress``, instead of the next three; what it names counts before other keys. A secret |
        /// | `name` | the queue's name |
        /// | `nodes` | a list of `host`, `host:port` or `[IPv6]:port` |
        /// | `ledger` | the URL of the ledger, as `RedisLedger` takes it. A secret |
        /// | `ledgerTimeout` | as in ``RedisLedgerConfiguration`` |
        /// | `copies`, `minimumWritten`, `copyMode`, `maximumRecordSize` | as in ``JobQueueConfiguration`` |
        /// | `timing.lease`, `timing.retention`, `timing.retentionOfUnknownCopies`, `timing.grace`, `timing.timeToRun` | as in ``LedgerTiming`` |
        /// | `connection.connectTimeout`, `connection.lookupTimeout`, `connection.peerTimeout` | as in ``ConnectionConfiguration``, for nodes and ledger; without the key, the ledger's is the default |
        /// | `sealing.keys` | a list of keys, the current one first: each an id, a colon and the secret in base64. A secret |
        /// | `sealing.mode` | `encrypt`, the default, or `sign`; without `sealing.keys` it is for the key ring in `configuration`, and refused where there is none |
        ///
        /// Durations are a number and `ms`, `s`, `m`, `h` or `d`. They are read once, as the queue is made.
        ///
        /// - Parameter config: is scoped to the queue.
        /// - Parameter configuration: what no key names is taken from there.
        /// - Throws: `invalidConfiguration`, listing what cannot be read, each with its key below the reader's scope. What only
        ///   shows as the queue is made (a wrong ledger URL, settings that do not go together) is told once that is mended.
        ///   Nothing of a secret is told.
        public init(
            config: ConfigReader, configuration: JobQueueConfiguration = .init(),
            logger: Logger = Logger(label: "DelayQueue")
        ) throws(DelayQueueError) {
            var settings = ConfiguredQueue(config)
            var configuration = configuration
            var ledger = RedisLedgerConfiguration()
            settings.apply(to: &configuration, &ledger)
            let place = settings.place(&configuration)
            guard let place, settings.problems.isEmpty else { throw .invalidConfiguration(settings.problems) }
            ledger.eventLoop = configuration.chooseEventLoop()
            try self.init(
                place.name, nodes: place.nodes, ledger: Self.ledger(place.ledger, ledger, logger), ownsLedger: true,
                configuration: configuration, logger: logger)
        }

        private static func ledger(
            _ url: String, _ configuration: RedisLedgerConfiguration, _ logger: Logger
        ) throws(DelayQueueError) -> RedisLedger {
            do {
                return try RedisLedger(url, configuration: configuration, logger: logger)
            } catch {
                var error = error
                error.message = "ledger: \(error.message)"
                throw error
            }
        }
    }
#endif
