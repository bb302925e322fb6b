package import Beanstalk
package import PipelinedTransport

/// What a node's replies to puts say about the copies.
package struct PutReplies {
    /// An answer for each put.
    package private(set) var answers: [FanOut.Answer] = []
    /// Copies the node kept but cannot queue (out of memory): to be deleted on the connection they came from.
    package private(set) var buried: [(position: Int, id: BeanstalkJobID)] = []
    /// Positions of puts the node's limit forbids.
    package private(set) var tooLarge: [Int] = []
    /// The last reply that was not the one wished for.
    package private(set) var refusal: BeanstalkReply?

    package init(_ outcome: BatchOutcome<BeanstalkReply>, count: Int) {
        answers.reserveCapacity(count)
        for position in 0..<count {
            guard position < outcome.replies.count else {
                let isUnknown = outcome.failure?.mayHaveBeenSent ?? true
                answers.append(isUnknown ? .unknown : .refused(isNodesFault: true))
                continue
            }
            let reply = outcome.replies[position]
            switch reply {
            case .inserted(let id):
                answers.append(.stored(id))
                continue
            case .buried(let id):
                if let id { buried.append((position, id)) }
                answers.append(.unknown)
            case .draining, .outOfMemory:
                answers.append(.refused(isNodesFault: true))
            case .jobTooBig:
                tooLarge.append(position)
                answers.append(.refused(isNodesFault: false))
            default:
                answers.append(.unknown)
            }
            refusal = reply
        }
    }

    /// The replies to the deletes of the buried copies, as many as came.
    package mutating func deleted(_ replies: [BeanstalkReply]) {
        // Only a copy that is certainly gone gives its index to a spare.
        for (index, reply) in replies.enumerated() where reply == .deleted {
            answers[buried[index].position] = .refused(isNodesFault: true)
        }
    }
}
