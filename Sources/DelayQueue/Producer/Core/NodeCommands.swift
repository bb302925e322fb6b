package import Beanstalk
package import PipelinedTransport

/// Commands that go to one node in one go, and what they are for.
package struct NodeCommands: Sendable {
    package enum Kind: Sendable {
        /// Into one of the node's tubes.
        case put([Put], CopyTube)
        case peek([BeanstalkJobID])
        case delete([BeanstalkJobID])
        /// Asks for the server's statistics.
        case statistics
    }

    /// A copy, and all that its node is told of it.
    package struct Put: Sendable {
        /// The place of the job in its write, and the copy's index.
        package let place: FanOut.Put
        package let job: PreparedJob
        /// What the envelope says of the number of copies.
        package let copies: Int
        package let role: CopyRole
        package let priority: UInt32
        /// In seconds.
        package let delay: UInt32
    }

    package enum Purpose: Sendable {
        case write(ProducerCore.WriteID)
        /// Deletes copies that their node stored but cannot queue; what it had answered before comes with it.
        case clearing(ProducerCore.WriteID, CopyTube, PutReplies)
        /// Deletes copies of jobs that a write did not get accepted.
        case withdrawal(ProducerCore.RemovalID, of: ProducerCore.WriteID?)
        case revocation(ProducerCore.RemovalID, of: ProducerCore.CallID)
        /// Asks which size the nodes allow, to tell it to the caller of a job that was too large.
        case sizeLimit(ProducerCore.RemovalID)
    }

    /// The write whose puts they are, which may be told to stop waiting; nil for what must be done to its end.
    package var write: ProducerCore.WriteID? {
        if case .write(let id) = purpose { id } else { nil }
    }

    package var count: Int {
        switch kind {
        case .put(let puts, _): puts.count
        case .peek(let ids), .delete(let ids): ids.count
        case .statistics: 1
        }
    }

    package let node: Int
    package let kind: Kind
    /// The only connection they may be sent on; nil for any.
    package let generation: ConnectionGeneration?
    package let timeout: Duration
    package let purpose: Purpose

    package init(
        node: Int, kind: Kind, generation: ConnectionGeneration? = nil, timeout: Duration, purpose: Purpose
    ) {
        self.node = node
        self.kind = kind
        self.generation = generation
        self.timeout = timeout
        self.purpose = purpose
    }
}
