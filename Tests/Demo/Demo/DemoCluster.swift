import CommandSupport
import DelayQueueTestKit

/// The servers a demo runs on.
struct DemoCluster: Sendable {
    /// Addresses.
    var nodes: [String]
    var tube: String
    var redisURL: String
    /// How all of them are talked to, and what jobs are sealed with.
    var options: ClusterOptions
    /// Nil where the servers are the user's own, which are left alone.
    var servers: LocalCluster?

    /// The node that is stopped half-way.
    var victim: BeanstalkdServer? { servers?.nodes.last }
}
