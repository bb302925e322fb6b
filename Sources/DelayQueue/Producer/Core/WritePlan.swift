/// Which node is to store which copy of which job of a batch.
package struct WritePlan {
    /// Copies planned for each job; 0 where too few nodes are there.
    package let copies: Int
    /// What is put first: of jobs with a lead all other copies.
    package private(set) var standbys = PerNode<[FanOut.Put]>()
    /// What is put after them: leads, and all copies of jobs without one.
    package private(set) var puts = PerNode<[FanOut.Put]>()
    /// Nodes that are not waited for.
    package private(set) var probes: Set<Int> = []
    /// Nodes that may take over a copy of a job that has none on them, in random order.
    package let spares: [Int]
    /// Nodes in backoff, and those that have not answered what they were sent before.
    package let unplanned: [Int]

    /// - Parameter isChoiceShared: all jobs go to the same nodes, and their leads to the same one.
    /// - Parameter hasLead: whether a job has a lead, at random among the nodes that are waited for.
    package init(
        jobCount: Int, health: [NodeChoice.Health], copies planned: Int, minimumWritten: Int,
        isChoiceShared: Bool = false, hasLead: (Int) -> Bool = { _ in false },
        using generator: inout some RandomNumberGenerator
    ) {
        var choice = NodeChoice(health: health, copies: planned, minimumWritten: minimumWritten)
        choice.draw(using: &generator)
        // With no more nodes than copies every choice is the same.
        let areNodesShared = isChoiceShared || health.count <= planned
        spares = areNodesShared ? choice.spares(using: &generator) : choice.healthyNodes.shuffled(using: &generator)
        unplanned = health.indices.filter { !health[$0].isUp || (health[$0].isSlow && health[$0].isBusy) }
        copies = choice.copies >= minimumWritten ? choice.copies : 0
        if copies == 0 { return }
        // Neighbours mostly have the same plan, and what they have in common is done once.
        var lead: Int?
        var sharedLead: Int?
        var start = 0
        for job in 0..<jobCount {
            if job > 0, !areNodesShared {
                plan(choice, lead: lead, for: start..<job)
                start = job
                choice.draw(using: &generator)
            }
            var next: Int?
            if hasLead(job) {
                next = sharedLead ?? Int.random(in: 0..<choice.awaitedCount, using: &generator)
                if isChoiceShared { sharedLead = next }
            }
            if job > start, next != lead {
                plan(choice, lead: lead, for: start..<job)
                start = job
            }
            lead = next
        }
        plan(choice, lead: lead, for: start..<jobCount)
    }

    private mutating func plan(_ choice: NodeChoice, lead: Int?, for jobs: Range<Int>) {
        if jobs.isEmpty { return }
        for copy in 0..<choice.copies {
            let node = choice[copy]
            if copy >= choice.awaitedCount { probes.insert(node) }
            if let lead, copy != lead {
                Self.append(copy, of: jobs, to: &standbys[node, default: []])
            } else {
                Self.append(copy, of: jobs, to: &puts[node, default: []])
            }
        }
    }

    /// One by one: to append a sequence makes an array of it first, and many ranges have one job.
    private static func append(_ copy: Int, of jobs: Range<Int>, to puts: inout [FanOut.Put]) {
        for job in jobs { puts.append(FanOut.Put(job: job, copy: copy)) }
    }
}
