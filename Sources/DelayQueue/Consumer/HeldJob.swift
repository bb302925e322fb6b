import Beanstalk

/// Names one job in a consumer's hands; never reused.
package struct HeldJobID: Hashable, Comparable, Sendable {
    package var number: UInt64

    package init(_ number: UInt64) {
        self.number = number
    }

    package static func < (a: HeldJobID, b: HeldJobID) -> Bool { a.number < b.number }
}

/// A reserved copy.
struct HeldCopy {
    let node: Int
    let id: BeanstalkJobID
    /// The copy's index, where its record has one.
    let index: Int?
    var timeToRun: Duration
    var priority: UInt32
    /// When the request was sent that last started the reservation's time to run; nil until a reserve that waited
    /// long has been followed by a touch.
    var confirmedAt: Uptime?
    var isTouching = false
    /// The job is dead and this is not the copy that stays: it is deleted once its node has said that it is ours still.
    var isLeftOver = false

    /// Whether the reservation is certain to be ours still.
    func isFresh(_ now: Uptime) -> Bool {
        guard let confirmedAt else { return false }
        return now - confirmedAt < timeToRun
    }

    /// Whether the reservation will be ours for a while, as long as a request to the ledger takes.
    func isYoung(_ now: Uptime) -> Bool {
        guard let confirmedAt else { return false }
        return now - confirmedAt < timeToRun / 2
    }
}

/// The right to run a job, as this consumer knows it.
struct HeldClaim {
    let owner: ClaimOwner
    let attempt: Int
    let failures: Int
    /// When the request was sent that the ledger last confirmed the lease with, plus the lease.
    var leaseEnd: Uptime
    var renewAt: Uptime
    var isRenewing = false
    /// The job was told that its lease is over.
    var isReportedLost = false
    /// Its copies were given back, so that another consumer can reserve and claim the job.
    var gaveCopiesBack = false
}

/// What a job in this consumer's hands is waiting for.
enum HeldPhase {
    /// Its due time; or, once due, a touch that confirms the reservation.
    case holding
    /// The ledger's answer to a claim made with one of its copies; nil where that was reserved anew since.
    case claiming(owner: ClaimOwner, copy: BeanstalkJobID?, node: Int)
    /// `stats-job` on a copy, to learn whether it was kicked: the job is dead, or so late that its record is gone. And
    /// of a foreign job, to learn its time to run and priority.
    case inspecting(copy: BeanstalkJobID, node: Int)
    /// Another owner's lease, or the ledger's return; asked again at a time.
    case parked
    /// A touch that confirms the reservation, which grew old while the claim was granted.
    case verifying(HeldClaim)
    /// The application.
    case claimed(HeldClaim)
    /// The ledger's answer to a settlement.
    case settling(HeldClaim, PendingSettlement)
    /// The node's word that the copy of a dead job is buried; until then no other copy may go.
    ///
    /// With the claim it was given up under and the copies the ledger was told of, the last one last, where that was
    /// here.
    case burying(HeldClaim?, named: [CopyIdentity])
}

extension HeldPhase {
    /// Between reservation and delivery: the application's demand is used up by it.
    var countsAgainstDemand: Bool {
        switch self {
        case .claiming, .inspecting, .verifying: true
        case .settling(_, let pending): pending.deliversOnceSettled
        case .holding, .parked, .claimed, .burying: false
        }
    }

    /// Its end is with the ledger, and not with a node.
    var isSettling: Bool {
        guard case .settling(_, let pending) = self else { return false }
        if case .bury = pending.settlement { return false }
        return true
    }

    var isInHand: Bool { if case .claimed = self { true } else { false } }

    var isParked: Bool { if case .parked = self { true } else { false } }
}

/// A settlement on its way.
struct PendingSettlement {
    var settlement: Settlement
    /// Who is told how it ended.
    var waiter: UInt64?
    /// After this the waiter is told that the ledger could not be reached.
    let giveUpAt: Uptime
    var tries = 0
    /// Burying waits until a copy is reserved.
    var isWaitingForCopy = false
    /// The job is delivered once it is known to be completed, and to at most one application.
    var deliversOnceSettled = false
    /// The copy to bury, once its kick count is known.
    var burying: (copy: HeldCopy, kicks: Int)?
    /// The copies the ledger was told of before, which could not be buried, the last one last. The application was told
    /// then how its settlement ended.
    var named: [CopyIdentity] = []
}

/// How a run of a job ends.
package enum Settlement: Sendable, Equatable {
    case complete
    case retry(after: Duration)
    case bury(reason: String)
    /// Unrun, or dropped: back to the queue at once, without counting a failure.
    case giveBack
}

/// What a job's records say, alike on all its copies. Made once and shared, so that to move a ``HeldJob`` is cheap.
final class HeldRecord: Sendable {
    let id: JobID
    let key: LedgerKey
    let record: JobRecord
    let fireTime: Timestamp

    init(id: JobID, key: LedgerKey, record: JobRecord, fireTime: Timestamp) {
        self.id = id
        self.key = key
        self.record = record
        self.fireTime = fireTime
    }
}

/// One job this consumer holds copies of.
struct HeldJob {
    private let shared: HeldRecord
    var copies: [HeldCopy]
    var phase: HeldPhase = .holding
    /// When it may be claimed, by the wall clock: the fire date, or the end of a wait the ledger told of.
    var due: Timestamp
    /// Due, and waiting for the application to want one more.
    var isQueued = false
    /// When it is to be looked at again; alarms for other instants are of what it waited for before.
    var alarmAt: Uptime?
    /// How often it was parked in a row, for the backoff.
    var parkTries = 0
    /// The owner of a claim whose answer did not arrive.
    var unansweredOwner: ClaimOwner?
    /// The ledger has no record of it, though it is later than records last.
    var isLateWithoutRecord = false
    /// It shall run though it is later than records last: it was kicked, or the policy says so.
    var mayRunWithoutRecord = false

    init(_ shared: HeldRecord, copies: [HeldCopy], due: Timestamp) {
        self.shared = shared
        self.copies = copies
        self.due = due
    }

    var id: JobID { shared.id }
    var key: LedgerKey { shared.key }
    var record: JobRecord { shared.record }
    var fireTime: Timestamp { shared.fireTime }

    /// Nobody here wrote it: the ledger knows nothing of it, and its node alone is told how it ended.
    var isForeign: Bool { if case .foreign = shared.record { true } else { false } }
}
