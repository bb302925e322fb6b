import Beanstalk

extension ConsumerCore.Settings {
    /// What the user's configuration means to the core.
    init(_ configuration: ConsumerConfiguration, nodes: [BeanstalkNode], queue: TubeName) {
        self.init(
            queue: queue, nodes: nodes, lease: configuration.timing.lease,
            maximumFailures: configuration.retryPolicy.maximumFailures, settleTimeout: configuration.settleTimeout,
            ownerPrefix: "\(ClaimOwner.random()).",
            name: ProcessName.current)
        timing = configuration.timing
        idleBlock = configuration.idleBlock
        checkInInterval = configuration.checkInInterval
        retryPolicy = configuration.retryPolicy
        seals = SealPolicy(keyRing: configuration.keyRing, unsealedJobs: configuration.unsealedJobs)
        latePolicy = configuration.lateJobs
        foreignPolicy = configuration.foreignJobs
        maximumRecordSize = configuration.maximumRecordSize
        maximumHeldBytes = configuration.maximumHeldBytes
        isAtMostOnce = configuration.deliveryGuarantee == .atMostOnce
    }
}
