/// Which node is to store which copy of which job of a batch.
package struct WritePlan {
    /// Copies planned for each job; 0 where too few nodes are there.
    package let copies: Int
    package private(set) var puts = PerNode<[FanOut.Put]>()
    /// Nodes that are not waited for.
    package private(set) var probes: Set<Int> = []
    /// Nodes that may take over a copy of a job that has none on them, in random order.
    package let spares: [Int]
    /// Nodes in backoff, and those that have not answered what they were sent before.
    package let unplanned: [Int]

    /// - Parameter isChoiceShared: all jobs go to the same nodes.
    package init(
        jobCount: Int, health: [NodeChoice.Health], copies planned: Int, minimumWritten: Int,
        isChoiceShared: Bool = false, using generator: inout some RandomNumberGenerator
    ) {
        var choice = NodeChoice(health: health, copies: planned, minimumWritten: minimumWritten)
        choice.draw(using: &generator)
        // With no more nodes than copies every choice is the same.
        let isChoiceShared = isChoiceShared || health.count <= planned
        spares = isChoiceShared ? choice.spares(using: &generator) : choice.healthyNodes.shuffled(using: &generator)
        unplanned = health.indices.filter { !health[$0].isUp || (health[$0].isSlow && health[$0].isBusy) }
        copies = choice.copies >= minimumWritten ? choice.copies : 0
        if copies == 0 { return }
        if isChoiceShared {
            plan(choice, for: 0..<jobCount)
            return
        }
        for job in 0..<jobCount {
            if job > 0 { choice.draw(using: &generator) }
            plan(choice, for: job..<job + 1)
        }
    }

    private mutating func plan(_ choice: NodeChoice, for jobs: Range<Int>) {
        if jobs.isEmpty { return }
        for copy in 0..<choice.copies {
            let node = choice[copy]
            if copy >= choice.awaitedCount { probes.insert(node) }
            puts[node, default: []].append(contentsOf: jobs.lazy.map { FanOut.Put(job: $0, copy: copy) })
        }
    }
}
