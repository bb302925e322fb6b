package import Beanstalk

/// Brings forward a copy that waits on its node, so that it is ready at once.
///
/// The copy is looked at first, because its number may mean another job by now; on the same connection that cannot
/// change afterwards. Then it is reserved, which ends its delay, and given back, both in one go. (A kick would be a
/// single command. But the copy would keep the priority of a dead job's copy; and beanstalkd counts kicks for ever,
/// which consumers take for a person's wish to run a late job.)
package struct CopyAdvance: Sendable {
    package enum Outcome: Sendable, Hashable {
        case ready
        /// Somebody has it reserved, and may give it back with a long delay.
        case inSomebodysHands
        /// The node has no such copy of the job, or did not tell.
        case notFound
    }

    private let copy: BeanstalkJobID
    private let key: LedgerKey
    private let queue: TubeName
    private let node: BeanstalkNode

    /// - Parameters:
    ///   - key: the key of the job that it must be a copy of.
    ///   - queue: the queue of that job.
    ///   - node: where it lies, in either of the tubes that the queue has there.
    package init(_ copy: BeanstalkJobID, of key: LedgerKey, queue: TubeName, on node: BeanstalkNode) {
        self.copy = copy
        self.key = key
        self.queue = queue
        self.node = node
    }

    package var look: [BeanstalkCommand] { [.peek(copy), .statsJob(copy)] }

    /// What to send on the same connection, in one go.
    ///
    /// - Parameter replies: to ``look``.
    /// - Returns: nothing where this is no copy of the job.
    package func commands(after replies: [BeanstalkReply]) -> [BeanstalkCommand] {
        guard replies.count == 2, case .found(copy, let bytes) = replies[0], case .ok(let text) = replies[1],
            let priority = JobRecord(parsing: bytes).priority(ofJob: key, queue: queue),
            let tube = (try? JobStatistics(parsing: text))?.tube, node.copyTube(named: tube) != nil
        else { return [] }
        return [.reserveJob(copy), .release(copy, priority: priority, delay: 0)]
    }

    /// - Parameter replies: to the commands; fewer where the connection was lost, whose end gives the copy back too.
    package func outcome(of replies: [BeanstalkReply]) -> Outcome {
        switch replies.first {
        case .reserved?: .ready
        case .notFound?: .inSomebodysHands
        default: .notFound
        }
    }
}

extension JobRecord {
    /// The priority of a copy of a job, also of a sealed one; nil where this is none.
    fileprivate func priority(ofJob key: LedgerKey, queue: TubeName) -> UInt32? {
        let known: (name: JobName, priority: UInt32)? =
            switch self {
            case .native(let envelope): (JobName(id: envelope.id, isGoQueue: false), envelope.priority)
            case .sealed(let envelope): (JobName(id: envelope.line.id, isGoQueue: false), envelope.line.priority)
            case .goQueue(let record): (JobName(id: record.id, isGoQueue: true), GoQueueRecord.priority)
            case .foreign, .unverified: nil
            }
        guard let known, known.name.ledgerKey(queue: queue).ofAnyEdition == key.ofAnyEdition else { return nil }
        return known.priority
    }
}
