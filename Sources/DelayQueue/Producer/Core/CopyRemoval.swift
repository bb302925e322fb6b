package import Beanstalk
package import PipelinedTransport

/// Deletes copies from one node, certain never to hit a stranger's job.
///
/// beanstalkd's ids restart at 1 on a node that lost its data. So an id is used as it is only on the connection it came
/// from, or one to the same server process; on any other, `peek` must show this very job and copy first, on the
/// connection the delete then goes to.
package struct CopyRemoval {
    package struct Target: Sendable, Equatable {
        /// Whose copy it is, among those that are removed together.
        package var job: Int
        package var id: BeanstalkJobID
        package var jobID: JobID
        package var edition: JobEdition?
        package var copy: Int
        /// A connection on which the id can mean nothing else: the one that stored the copy, or another one to the same
        /// server process. nil where that is not known.
        package var generation: ConnectionGeneration?
    }

    package enum Result: Sendable {
        case deleted
        /// The node does not have it.
        case gone
        /// The node has it, but a consumer holds it.
        case reserved
        case unreachable(any Error)
    }

    package enum Command: Sendable, Equatable {
        case peek([BeanstalkJobID])
        /// Never to be sent on another connection.
        case delete([BeanstalkJobID], on: ConnectionGeneration)
    }

    private enum Step {
        case deleting(ConnectionGeneration)
        case peeking([Int])
        /// Deleting those targets of which the node has shown the very copy.
        case deletingFound([Int], ConnectionGeneration)
        case over
    }

    package let targets: [Target]
    private var step: Step
    /// A result per target, in order.
    package private(set) var results: [Result]

    package init(_ targets: [Target]) {
        self.targets = targets
        results = Array(repeating: .gone, count: targets.count)
        if let generation = targets.first?.generation, targets.allSatisfy({ $0.generation == generation }) {
            step = .deleting(generation)
        } else {
            step = targets.isEmpty ? .over : .peeking(Array(targets.indices))
        }
    }

    /// What to send now; nil where all is done.
    package var next: Command? {
        switch step {
        case .deleting(let generation): .delete(targets.map(\.id), on: generation)
        case .peeking(let sought): .peek(sought.map { targets[$0].id })
        case .deletingFound(let found, let generation): .delete(found.map { targets[$0].id }, on: generation)
        case .over: nil
        }
    }

    /// Takes in what came of the command.
    package mutating func answered(_ outcome: BatchOutcome<BeanstalkReply>) {
        switch step {
        case .deleting:
            if outcome.replies.isEmpty, outcome.failure?.code == .staleGeneration {
                step = .peeking(Array(targets.indices))
                return
            }
            note(outcome, of: Array(targets.indices), otherwise: .gone)
            // What was not deleted is gone or reserved: only a look tells which.
            let left = outcome.replies.indices.filter { outcome.replies[$0] != .deleted }
            step = left.isEmpty ? .over : .peeking(left)
        case .peeking(let sought):
            step = .over
            var found: [Int] = []
            for (position, index) in sought.enumerated() {
                let target = targets[index]
                guard position < outcome.replies.count else {
                    results[index] = Self.failure(outcome)
                    continue
                }
                if case .found(_, let bytes) = outcome.replies[position], target.matches(JobRecord(parsing: bytes)) {
                    found.append(index)
                }
            }
            if !found.isEmpty { step = .deletingFound(found, outcome.generation) }
        case .deletingFound(let found, _):
            step = .over
            // It was there a moment ago, and a delete leaves out only what is reserved.
            note(outcome, of: found, otherwise: .reserved)
        case .over:
            break
        }
    }

    private mutating func note(
        _ outcome: BatchOutcome<BeanstalkReply>, of indexes: [Int], otherwise: Result
    ) {
        for (position, index) in indexes.enumerated() {
            if position >= outcome.replies.count {
                results[index] = Self.failure(outcome)
            } else {
                results[index] = outcome.replies[position] == .deleted ? .deleted : otherwise
            }
        }
    }

    private static func failure(_ outcome: BatchOutcome<BeanstalkReply>) -> Result {
        .unreachable(outcome.failure.map { BeanstalkError($0) } ?? BeanstalkError(BeanstalkReply.internalError))
    }
}

extension CopyRemoval.Target {
    fileprivate func matches(_ record: JobRecord) -> Bool {
        // go-queue's records are the same on every node, and carry no index.
        record.id == jobID && record.edition == edition && (record.copy == nil || record.copy == copy)
    }
}
