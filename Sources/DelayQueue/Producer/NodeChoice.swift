/// Which nodes a job's copies go to.
package struct NodeChoice: Equatable {
    /// What a producer knows of a node when it plans a write.
    package struct Health: Equatable {
        /// Not within a backoff.
        package var isUp: Bool
        /// It missed the grace and has not answered since.
        package var isSlow: Bool
        /// Something sent to it waits for an answer.
        package var isBusy: Bool

        package init(isUp: Bool, isSlow: Bool, isBusy: Bool) {
            self.isUp = isUp
            self.isSlow = isSlow
            self.isBusy = isBusy
        }
    }

    /// Nodes to write to and wait for.
    package var awaited: [Int]
    /// Slow nodes to write to without waiting, to see whether they are back.
    package var probes: [Int]
    /// Nodes that may take over a copy.
    package var spares: [Int]

    /// The number of copies attempted.
    package var copies: Int { awaited.count + probes.count }

    /// Chooses at random among the nodes that are up, so that load spreads.
    ///
    /// A slow node gets one probe at a time. Where too few healthy nodes are left, slow ones are waited for.
    package init(
        health: [Health], copies: Int, minimumWritten: Int, using generator: inout some RandomNumberGenerator
    ) {
        // While none is in doubt, which is nearly always, one draw decides, at little cost for each job.
        if health.allSatisfy({ $0.isUp && !$0.isSlow }) {
            var order = Array(health.indices)
            if order.count > copies { order.shuffle(using: &generator) }
            self.awaited = order.prefix(copies).sorted()
            self.probes = []
            self.spares = Array(order.dropFirst(copies))
            return
        }
        let healthy = health.indices.filter { health[$0].isUp && !health[$0].isSlow }
        let slow = health.indices.filter { health[$0].isUp && health[$0].isSlow && !health[$0].isBusy }
        // Healthy nodes fill the quorum first, or a call would depend on a slow one; chance fills the rest.
        let shuffled = healthy.shuffled(using: &generator)
        let quorum = shuffled.prefix(minimumWritten)
        let others = (shuffled.dropFirst(minimumWritten) + slow).shuffled(using: &generator)
        let planned = (quorum + others).prefix(copies)
        let dependsOnSlow = quorum.count < minimumWritten
        self.awaited = planned.filter { dependsOnSlow || !slow.contains($0) }.sorted()
        self.probes = planned.filter { !dependsOnSlow && slow.contains($0) }.sorted()
        self.spares = shuffled.filter { !planned.contains($0) }
    }
}
