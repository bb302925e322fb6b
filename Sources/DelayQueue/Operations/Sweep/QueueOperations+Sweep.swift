extension QueueOperations {
    /// Looks at every job of every node, all nodes at the same time, and tells of this queue's copies. Reads only.
    ///
    /// No list says which jobs a node has, so that their numbers are gone through (``IDSweep``). A copy that is put
    /// meanwhile may be found or not; so may one that goes. Each copy is told of once. What is held in memory does not
    /// depend on how many jobs there are: a node is asked for more only while `found` takes them.
    ///
    /// - Parameters:
    ///   - earlier: what an earlier sweep returned, to look at numbers given since it began. A node that was started anew
    ///     since is gone through again.
    ///   - isForBuriedCopies: whether nodes without a buried copy of the queue's are left out.
    ///   - matches: whether a copy is of interest, by what it says of itself; nil stands for a record too large to be read.
    ///     Of those that are, the tube is asked for, and only this queue's are told of. Called for one node at a time or
    ///     for several at once, as are the other two.
    ///   - progress: is told after each batch how far a node is.
    ///   - found: is given copies of one node; says whether to go on. If not, all nodes' sweeps end.
    /// - Returns: how far each node's sweep came, in the order of the nodes. A node that fails does not end the others'.
    /// - Throws: what `found` throws; `CancellationError`.
    package func sweep(
        after earlier: [NodeSweep] = [], isForBuriedCopies: Bool = false,
        matching matches: @escaping @Sendable (JobRecord?) -> Bool = { _ in true },
        progress: @escaping @Sendable (NodeSweep) -> Void = { _ in },
        found: @escaping @Sendable ([FoundCopy]) async throws -> Bool
    ) async throws -> [NodeSweep] {
        try Task.checkCancellation()
        let sweeps = try await withThrowingTaskGroup(of: (index: Int, sweep: NodeSweep, goesOn: Bool).self) { group in
            for (index, place) in places.enumerated() {
                let before = earlier.first { $0.node == place.node }
                group.addTask {
                    let result = try await NodeSweeper(
                        place, configuration, isForBuriedCopies: isForBuriedCopies, logger: logger
                    )
                    .run(after: before, matches: matches, progress: progress, found: found)
                    return (index, result.sweep, result.goesOn)
                }
            }
            var sweeps = places.map { NodeSweep(node: $0.node) }
            while let result = try await group.next() {
                sweeps[result.index] = result.sweep
                if !result.goesOn { group.cancelAll() }
            }
            return sweeps
        }
        try Task.checkCancellation()
        return sweeps
    }
}
