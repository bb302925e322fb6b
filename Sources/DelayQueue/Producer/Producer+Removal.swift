import Beanstalk

extension Producer {
    /// Deletes copies from their nodes, all nodes at once.
    ///
    /// - Returns: a result per target, in order.
    func remove(_ targets: [CopyRemoval.Target]) async -> [CopyRemoval.Result] {
        var byNode: [Int: [Int]] = [:]
        for (index, target) in targets.enumerated() { byNode[target.node, default: []].append(index) }
        return await withTaskGroup(of: [(Int, CopyRemoval.Result)].self) { group in
            for (node, indexes) in byNode {
                group.addTask { [connection = connections[node], timeout = configuration.writeTimeout] in
                    var removal = CopyRemoval(indexes.map { targets[$0] })
                    while let command = removal.next {
                        let outcome =
                            switch command {
                            case .peek(let ids):
                                await connection.execute(ids.map { .peek($0) }, timeout: timeout)
                            case .delete(let ids, let generation):
                                await connection.execute(
                                    ids.map { .delete($0) }, generation: generation, timeout: timeout)
                            }
                        removal.answered(outcome)
                    }
                    return Array(zip(indexes, removal.results))
                }
            }
            var results: [CopyRemoval.Result] = Array(repeating: .gone, count: targets.count)
            for await batch in group {
                for (index, result) in batch { results[index] = result }
            }
            return results
        }
    }
}
