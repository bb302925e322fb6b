import NIOConcurrencyHelpers

extension QueueOperations {
    /// Finds the copies that were put aside, by looking through all jobs of each node that has buried copies of this queue.
    ///
    /// Reads only: what becomes of them is decided with the node's own commands. Their records are kept in memory.
    ///
    /// - Parameters:
    ///   - limit: ends the search when so many copies are found.
    ///   - progress: is told now and then how far a node is; may be called for several nodes at once.
    /// - Throws: `cancelled`. A node that is away is told of in the result.
    public func copiesAside(
        limit: Int = 1000, progress: @escaping @Sendable (JobSearch.Node) -> Void = { _ in }
    ) async throws(DelayQueueError) -> CopiesAside {
        let result = NIOLockedValueBox(CopiesAside())
        let limit = max(limit, 1)
        do {
            let sweeps = try await sweep(isForBuriedCopies: true, progress: { progress(JobSearch.Node($0)) }) {
                copies in
                result.withLockedValue { result in
                    for copy in copies where copy.statistics.state == .buried {
                        guard result.copies.count < limit else {
                            result.isLimited = true
                            return false
                        }
                        result.copies.append(
                            CopyAside(
                                copy, opening: sealPolicy, queue: queueName, timing: configuration.timing, now: .now()))
                    }
                    return true
                }
            }
            result.withLockedValue { $0.nodes = sweeps.map(JobSearch.Node.init) }
        } catch {
            throw DelayQueueError(.cancelled, "the search was cancelled", underlying: error)
        }
        return result.withLockedValue { $0 }
    }
}
