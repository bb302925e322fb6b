package import Beanstalk
package import PipelinedTransport

/// A command for a node, and the job it is about.
package struct NodeCall: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case delete(BeanstalkJobID, index: Int?)
        /// Reserves a copy whose name is known.
        case fetch(BeanstalkJobID)
        /// Asks for nothing but an answer.
        case probe
        /// Looks at the standby that is ready first.
        case peekNext
        /// Asks where a copy is.
        case lookAhead(BeanstalkJobID)
        case release(BeanstalkJobID, priority: UInt32, delay: UInt32)
        case touch(BeanstalkJobID)
        case bury(BeanstalkJobID, priority: UInt32)
        case inspect(BeanstalkJobID)
        /// A copy that is put aside: its priority is asked for, then it is buried, or given back.
        case inspectAside(BeanstalkJobID)
        case buryAside(BeanstalkJobID, priority: UInt32)
    }

    package var kind: Kind
    package var job: HeldJobID?
}

extension NodeCall {
    /// Whether its answer is a record.
    var bringsRecord: Bool {
        switch kind {
        case .fetch, .peekNext: true
        default: false
        }
    }

    /// Whether its answer is a text.
    var bringsText: Bool {
        switch kind {
        case .inspect, .inspectAside, .lookAhead: true
        default: false
        }
    }
}

/// What is sent to a node in one go: commands about held copies, then reserves.
package struct NodeBatch: Sendable, Equatable {
    package var calls: [NodeCall]
    package var reserves: Int
    /// How long the one reserve of the batch may wait, in seconds; nil for reserves that do not wait.
    package var block: UInt32?
    /// How many bytes of records the answers may bring together; a record for which too little is left is not read.
    package var allowance: Int
    /// The connection the reservations belong to; nil where none are concerned.
    package var generation: ConnectionGeneration?
}
