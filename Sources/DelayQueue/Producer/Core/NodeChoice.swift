/// Which nodes the copies of jobs go to: chosen at random among the nodes that are up, so that load spreads.
///
/// A slow node gets one probe at a time. Where too few healthy nodes are left, slow ones are waited for.
///
/// One serves a whole write. With more nodes than copies each of its jobs has nodes of its own, drawn in place: an
/// array made anew for each would cost as much as the job's puts.
package struct NodeChoice {
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

    /// The number of copies attempted.
    package let copies: Int
    /// How many of them are waited for; the others only show whether a slow node is back.
    package private(set) var awaitedCount = 0

    private let health: [Health]
    /// Healthy nodes, then slow ones that may be written to.
    private let candidates: [Int]
    private let healthyCount: Int
    /// So many healthy nodes come first, or a call would depend on a slow one; chance fills the rest.
    private let quorum: Int
    private let dependsOnSlow: Bool
    /// All candidates; the first ``copies`` of them are the choice.
    private var order: [Int]

    /// Chooses nothing yet: see ``draw(using:)``.
    package init(health: [Health], copies: Int, minimumWritten: Int) {
        let healthy = health.indices.filter { health[$0].isUp && !health[$0].isSlow }
        let slow = health.indices.filter { health[$0].isUp && health[$0].isSlow && !health[$0].isBusy }
        self.health = health
        self.healthyCount = healthy.count
        self.candidates = healthy + slow
        self.copies = min(copies, candidates.count)
        self.quorum = min(minimumWritten, self.copies, healthyCount)
        self.dependsOnSlow = healthyCount < minimumWritten
        self.order = candidates
    }

    /// Chooses anew.
    package mutating func draw(using generator: inout some RandomNumberGenerator) {
        if healthyCount < order.count {
            // Healthy ones first again; element by element, as what is assigned whole would be copied with the next
            // swap.
            for position in order.indices { order[position] = candidates[position] }
        }
        if copies < order.count {
            for position in 0..<quorum { swapIn(position, below: healthyCount, using: &generator) }
            for position in quorum..<copies { swapIn(position, below: order.count, using: &generator) }
        }
        sortChosen()
    }

    /// Fills a position of the choice at random, from the candidates below the bound that are not chosen yet.
    private mutating func swapIn(_ position: Int, below bound: Int, using generator: inout some RandomNumberGenerator) {
        order.swapAt(position, Int.random(in: position..<bound, using: &generator))
    }

    /// Sorts the chosen nodes: awaited ones first, each kind in ascending order. They are few, so each is moved to its
    /// place.
    private mutating func sortChosen() {
        awaitedCount = 0
        for position in 0..<copies {
            if isAwaited(order[position]) { awaitedCount += 1 }
            var place = position
            while place > 0, comes(order[place], before: order[place - 1]) {
                order.swapAt(place, place - 1)
                place -= 1
            }
        }
    }

    private func comes(_ node: Int, before other: Int) -> Bool {
        let (isAwaited, isOtherAwaited) = (isAwaited(node), isAwaited(other))
        return isAwaited == isOtherAwaited ? node < other : isAwaited
    }

    private func isAwaited(_ node: Int) -> Bool {
        dependsOnSlow || !health[node].isSlow
    }

    /// The node that is to store a copy, 0 up to ``copies``: first those waited for.
    package subscript(copy: Int) -> Int {
        order[copy]
    }

    /// All that are up and not slow.
    package var healthyNodes: ArraySlice<Int> { candidates[..<healthyCount] }

    /// Healthy nodes that were not chosen and may take over a copy, in an order that chance decides too.
    package func spares(using generator: inout some RandomNumberGenerator) -> [Int] {
        order[copies...].filter { !health[$0].isSlow }.shuffled(using: &generator)
    }
}
