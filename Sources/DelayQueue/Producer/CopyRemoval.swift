import Beanstalk
import NIOCore
import PipelinedTransport

/// Deletes copies from their nodes, certain never to hit a stranger's job.
///
/// beanstalkd's ids restart at 1 on a node that lost its data. So an id is used as it is only on the connection it came
/// from; on any other, `peek` must show this very job and copy first, on the connection the delete then goes to.
struct CopyRemoval {
    struct Target: Sendable {
        var node: Int
        var id: BeanstalkJobID
        var jobID: JobID
        var copy: Int
        /// The connection that stored it; nil where that is not known.
        var generation: ConnectionGeneration?
    }

    enum Result: Sendable {
        case deleted
        /// The node does not have it.
        case gone
        /// The node has it, but a consumer holds it.
        case reserved
        case unreachable(any Error)
    }

    let connections: [BeanstalkConnection]
    let timeout: Duration

    /// - Returns: a result per target, in order.
    func remove(_ targets: [Target]) async -> [Result] {
        var byNode: [Int: [Int]] = [:]
        for (index, target) in targets.enumerated() { byNode[target.node, default: []].append(index) }
        return await withTaskGroup(of: [(Int, Result)].self) { group in
            for (node, indexes) in byNode {
                group.addTask {
                    let results = await remove(indexes.map { targets[$0] }, from: connections[node])
                    return Array(zip(indexes, results))
                }
            }
            var results: [Result] = Array(repeating: .gone, count: targets.count)
            for await batch in group {
                for (index, result) in batch { results[index] = result }
            }
            return results
        }
    }

    private func remove(_ targets: [Target], from connection: BeanstalkConnection) async -> [Result] {
        guard let generation = targets.first?.generation,
            targets.allSatisfy({ $0.generation == generation })
        else { return await removeAfterPeek(targets, from: connection) }
        let outcome = await connection.execute(
            targets.map { .delete($0.id) }, generation: generation, timeout: timeout)
        if outcome.replies.isEmpty, outcome.failure?.code == .staleGeneration {
            return await removeAfterPeek(targets, from: connection)
        }
        return targets.indices.map { index in
            guard index < outcome.replies.count else { return failure(outcome) }
            return outcome.replies[index] == .deleted ? .deleted : .gone
        }
    }

    private func removeAfterPeek(_ targets: [Target], from connection: BeanstalkConnection) async -> [Result] {
        let found = await connection.execute(targets.map { .peek($0.id) }, timeout: timeout)
        var results: [Result] = []
        var confirmed: [Int] = []
        for (index, target) in targets.enumerated() {
            guard index < found.replies.count else {
                results.append(failure(found))
                continue
            }
            if case .found(_, let bytes) = found.replies[index], target.matches(JobRecord(parsing: bytes)) {
                confirmed.append(index)
            }
            results.append(.gone)
        }
        guard !confirmed.isEmpty else { return results }
        let deleted = await connection.execute(
            confirmed.map { .delete(targets[$0].id) }, generation: found.generation, timeout: timeout)
        for (position, index) in confirmed.enumerated() {
            guard position < deleted.replies.count else {
                results[index] = failure(deleted)
                continue
            }
            results[index] = deleted.replies[position] == .deleted ? .deleted : .reserved
        }
        return results
    }

    private func failure(_ outcome: BatchOutcome<BeanstalkReply>) -> Result {
        .unreachable(outcome.failure.map { BeanstalkError($0) } ?? BeanstalkError(BeanstalkReply.internalError))
    }
}

extension CopyRemoval.Target {
    fileprivate func matches(_ record: JobRecord) -> Bool {
        // go-queue's records are the same on every node, and carry no index.
        record.id == jobID && (record.copy == nil || record.copy == copy)
    }
}
