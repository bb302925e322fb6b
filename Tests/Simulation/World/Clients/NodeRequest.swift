import Beanstalk
import DelayQueue
import NIOCore
import PipelinedTransport

/// Commands of a producer on their way to a node and back.
final class NodeRequest {
    enum Command {
        case put(ByteBuffer, priority: UInt32, delay: UInt32, timeToRun: UInt32, SimulatedNode.Origin)
        case delete(BeanstalkJobID, Judge.Deleter)
        case peek(BeanstalkJobID)
    }

    let commands: [Command]
    /// The only connection it may be sent on.
    let generation: ConnectionGeneration?
    /// What to send when a reply arrives after the wait ended.
    let whenAbandoned: ((Int, BeanstalkReply) -> Command?)?
    private var waiter: ((BatchOutcome<BeanstalkReply>) -> Void)?
    let sentAt: Int64
    /// The connection it was sent on; nil until it is known.
    var connection: Int?
    /// The server's, when it was sent.
    var deaths = 0
    /// Its connection is gone: no reply will come.
    var isDead = false

    init(
        _ commands: [Command], generation: ConnectionGeneration? = nil, sentAt: Int64,
        whenAbandoned: ((Int, BeanstalkReply) -> Command?)? = nil,
        then waiter: @escaping (BatchOutcome<BeanstalkReply>) -> Void
    ) {
        self.commands = commands
        self.generation = generation
        self.sentAt = sentAt
        self.whenAbandoned = whenAbandoned
        self.waiter = waiter
    }

    var isAwaited: Bool { waiter != nil }

    /// Ends the wait.
    func end(_ outcome: BatchOutcome<BeanstalkReply>) {
        guard let waiter else { return }
        self.waiter = nil
        waiter(outcome)
    }
}
