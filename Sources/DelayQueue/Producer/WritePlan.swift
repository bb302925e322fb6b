/// Which node is to store which copy of which job of a batch.
package struct WritePlan {
    /// Copies planned for each job; 0 where too few nodes are there.
    package private(set) var copies: [Int] = []
    package private(set) var puts = PerNode<[FanOut.Put]>()
    /// Nodes that are not waited for.
    package private(set) var probes: Set<Int> = []
    /// Nodes that may take over a copy, in order of choice.
    package let spares: [Int]
    /// Nodes in backoff, and those that have not answered what they were sent before.
    package let unplanned: [Int]

    /// - Parameter isChoiceShared: all jobs go to the same nodes.
    package init(
        jobCount: Int, health: [NodeChoice.Health], copies planned: Int, minimumWritten: Int,
        isChoiceShared: Bool = false, using generator: inout some RandomNumberGenerator
    ) {
        let first = NodeChoice(health: health, copies: planned, minimumWritten: minimumWritten, using: &generator)
        spares = first.spares
        unplanned = health.indices.filter { !health[$0].isUp || (health[$0].isSlow && health[$0].isBusy) }
        // With no more nodes than copies every choice is the same.
        if isChoiceShared || health.count <= planned {
            plan(first, for: 0..<jobCount, minimumWritten: minimumWritten)
            return
        }
        copies.reserveCapacity(jobCount)
        for job in 0..<jobCount {
            let choice =
                job == 0
                ? first : NodeChoice(health: health, copies: planned, minimumWritten: minimumWritten, using: &generator)
            plan(choice, for: job..<job + 1, minimumWritten: minimumWritten)
        }
    }

    private mutating func plan(_ choice: NodeChoice, for jobs: Range<Int>, minimumWritten: Int) {
        if jobs.isEmpty { return }
        guard choice.copies >= minimumWritten else {
            copies.append(contentsOf: repeatElement(0, count: jobs.count))
            return
        }
        copies.append(contentsOf: repeatElement(choice.copies, count: jobs.count))
        if !choice.probes.isEmpty { probes.formUnion(choice.probes) }
        for copy in 0..<choice.copies {
            let isAwaited = copy < choice.awaited.count
            let node = isAwaited ? choice.awaited[copy] : choice.probes[copy - choice.awaited.count]
            puts[node, default: []].append(contentsOf: jobs.lazy.map { FanOut.Put(job: $0, copy: copy) })
        }
    }
}
