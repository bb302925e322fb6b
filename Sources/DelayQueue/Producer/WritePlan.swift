/// Which node is to store which copy of which job of a batch.
package struct WritePlan {
    /// Copies planned for each job; 0 where too few nodes are there.
    package private(set) var copies: [Int] = []
    package private(set) var puts: [Int: [FanOut.Put]] = [:]
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
        // With no more nodes than copies every choice is the same.
        let isFixed = isChoiceShared || health.count <= planned
        let first = NodeChoice(health: health, copies: planned, minimumWritten: minimumWritten, using: &generator)
        spares = first.spares
        unplanned = health.indices.filter { !health[$0].isUp || (health[$0].isSlow && health[$0].isBusy) }
        copies.reserveCapacity(jobCount)
        for job in 0..<jobCount {
            let choice =
                isFixed || job == 0
                ? first : NodeChoice(health: health, copies: planned, minimumWritten: minimumWritten, using: &generator)
            guard choice.copies >= minimumWritten else {
                copies.append(0)
                continue
            }
            copies.append(choice.copies)
            probes.formUnion(choice.probes)
            for (copy, node) in (choice.awaited + choice.probes).enumerated() {
                puts[node, default: []].append(FanOut.Put(job: job, copy: copy))
            }
        }
    }
}
