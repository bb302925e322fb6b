import Beanstalk
import DelayQueue
import PipelinedTransport

/// Commands of a producer on their way to a node and back.
final class NodeRequest {
    let commands: NodeCommands
    /// The connection it was sent on; nil until it is known.
    var connection: Int?
    /// The server's, when it was sent.
    var deaths = 0
    /// What has come back by now.
    var replies: [BeanstalkReply] = []
    /// Somebody waits for the replies.
    var isAwaited: Bool
    /// No reply will come: its connection is gone, or it was never sent.
    var isDead = false

    init(_ commands: NodeCommands, isAwaited: Bool = true) {
        self.commands = commands
        self.isAwaited = isAwaited
    }
}
