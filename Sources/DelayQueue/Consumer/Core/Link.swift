import Beanstalk
import PipelinedTransport

/// What a consumer knows of one of its two connections to a node.
///
/// The main one reserves, and so mostly waits; a command behind a reserve is answered after it. The side one serves what
/// must not wait for that: deletes by name, and reserving one certain copy. A reservation is used on the connection that
/// made it only.
struct Link {
    var generation: ConnectionGeneration?
    var calls: [NodeCall] = []
    /// The next burst of reserves that do not wait.
    var burst = Self.firstBurst
    /// The last reserve found nothing, so the next one may wait.
    var isDry = true
    var rest = Rest.none
    /// How many of the copies reserved last were of jobs known already.
    var duplicates = 0
    /// Whether somebody waits for one of the calls, which is so for all of them but deletes.
    var hasUrgentCalls = false
    /// Copies that are about to be buried or given back unread, as soon as their priorities are known.
    var aside: [BeanstalkJobID: Aside] = [:]
    /// The size of the largest record of the last batch that brought any.
    var recordSize = 0
    /// Of a main link: somebody was told that its node's share is full.
    var isFullTold = false
    /// Its disk is full: it can take copies back without a delay only.
    var isDegraded = false

    /// Of a main link: it was lost, and is not back yet.
    var isAway = false
    /// Of a main link: its node was in doubt, and has not run out of ready copies since. Leads that are overdue lie in
    /// front of those that are due.
    var isBehind = false
    /// Of a main link: the server process that its node was last known to be.
    var lastServer: ServerID?
    /// Of a side link: the node left a probe unanswered.
    var isSilent = false
    /// When the answer to a probe must be there.
    var answerDue: Uptime?
    var nextPeek = Peek.due
    /// How many copies behind the next one are looked at.
    var view = 0
    /// The last number that was looked at.
    var seen: UInt64?
    /// Of a side link: when deletes by name were sent last.
    var namedDeletesLeftAt: Uptime?

    /// The last copies it brought are the only ones of their jobs that are ready: what one node brings, no other does.
    var bringsLeads = false

    /// Deletes by name leave together for all nodes, so often: nobody waits for them, as long as they come before the
    /// standbys are ready, a second after their dates or later. Where so much time passed without any, they leave at once:
    /// the sooner the ledger learns that a job's copies are gone, the fewer records a killed consumer leaves behind.
    static let intervalOfNamedDeletes = Duration.milliseconds(100)
    /// At a brisk pace as many gather in this time, and a backlog's last standbys are soon gone.
    static let briskRestOfNamedDeletes = Duration.milliseconds(25)

    static let firstBurst = 2
    static let largestBurst = 128
    /// Where this many jobs are wanted, the node is asked for them without waiting for more.
    static let scarceReserves = 32
    /// With this many calls a batch is full, and is sent without waiting for more.
    static let fullBatch = 128

    /// When the node's next standby is looked at, where that is wanted.
    enum Peek: Equatable {
        case due
        case at(Uptime)
        /// The answer is awaited.
        case underWay
    }

    /// A pause before a node is sent deletes, or asked again whether it has something.
    enum Rest: Equatable {
        case none
        case until(Uptime)
        case over
    }
}
