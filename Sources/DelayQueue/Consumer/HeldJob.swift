import Beanstalk

/// Names one job in a consumer's hands; never reused.
package struct HeldJobID: Hashable, Comparable, Sendable {
    package let number: UInt64
    /// Where it is kept; others were, or will be, kept there too.
    let slot: Int32

    package init(_ number: UInt64, slot: Int32 = 0) {
        self.number = number
        self.slot = slot
    }

    package static func == (a: HeldJobID, b: HeldJobID) -> Bool { a.number == b.number }

    package static func < (a: HeldJobID, b: HeldJobID) -> Bool { a.number < b.number }

    package func hash(into hasher: inout Hasher) { hasher.combine(number) }
}

/// A reserved copy.
struct HeldCopy: Equatable {
    let node: Int
    let id: BeanstalkJobID
    /// The copy's index, where its record has one.
    let index: Int?
    /// In microseconds.
    var timeToRun: Int64
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
        return now.microseconds(since: confirmedAt) < timeToRun
    }

    /// Whether the reservation will be ours for a while, as long as a request to the ledger takes.
    func isYoung(_ now: Uptime) -> Bool {
        guard let confirmedAt else { return false }
        return now.microseconds(since: confirmedAt) < timeToRun / 2
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

/// One job this consumer holds copies of.
struct HeldJob {
    let shared: HeldRecord
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
    var fireTime: Timestamp { shared.fireTime }
    var isForeign: Bool { shared.isForeign }
}

// Asked for several times a job. A value that is read out of a table is copied, with all that it retains; these change
// nothing or little, but are called in place.
extension HeldJob {
    /// What becomes of a claim that is made now.
    enum Readiness: Equatable {
        /// It is not held, not due, or none of its copies may ask.
        case notNow
        case ready(HeldCopy)
        /// Its reservations grew old; they must be confirmed first.
        case stale
    }

    /// - Parameter inspected: the one copy that may ask; nil for any.
    mutating func readiness(inspected: BeanstalkJobID?, now: Moment) -> Readiness {
        guard case .holding = phase, due <= now.wall else { return .notNow }
        var areLeftOver = true
        for copy in copies where !copy.isLeftOver {
            areLeftOver = false
            if inspected == nil || copy.id == inspected, copy.isFresh(now.uptime) { return .ready(copy) }
        }
        // Those wait for their nodes' word, and are deleted then.
        return areLeftOver ? .notNow : .stale
    }

    mutating func hasFreshCopy(_ now: Uptime) -> Bool {
        copies.contains { $0.isFresh(now) }
    }

    /// - Returns: the copy a claim under this owner was made with, nil where that was reserved anew since, and its node;
    ///   nil where no such claim is under way.
    mutating func claiming(by owner: ClaimOwner) -> (copy: BeanstalkJobID?, node: Int)? {
        guard case .claiming(owner, let copy, let node) = phase else { return nil }
        return (copy, node)
    }

    /// - Parameter owner: nil for any.
    mutating func settling(by owner: ClaimOwner? = nil) -> (claim: HeldClaim, pending: PendingSettlement)? {
        guard case .settling(let claim, let pending) = phase, owner == nil || claim.owner == owner else { return nil }
        return (claim, pending)
    }

    mutating func claimInHand() -> HeldClaim? {
        guard case .claimed(let claim) = phase else { return nil }
        return claim
    }

    /// What follows from one more copy.
    enum Attachment {
        /// It was known; its reservation is a new one.
        case reserved(index: Int)
        /// Given back for others to claim; they shall have their chance.
        case refused
        case added(index: Int, isParked: Bool, isWantedForBurial: Bool)
    }

    /// Another copy of this job was reserved: it shares the job's fate.
    mutating func attach(_ copy: HeldCopy) -> Attachment {
        if case .claiming(let owner, copy.id, copy.node) = phase {
            phase = .claiming(owner: owner, copy: nil, node: copy.node)
        }
        if let index = copies.firstIndex(where: { $0.node == copy.node && $0.id == copy.id }) {
            // Its reservation had run out, and we got it again.
            copies[index].confirmedAt = copy.confirmedAt
            copies[index].isTouching = false
            copies[index].isLeftOver = false
            return .reserved(index: index)
        }
        switch phase {
        case .claimed(let claim) where claim.gaveCopiesBack: return .refused
        case .settling(_, let pending):
            copies.append(copy)
            return .added(index: copies.count - 1, isParked: false, isWantedForBurial: pending.isWaitingForCopy)
        case .parked:
            copies.append(copy)
            return .added(index: copies.count - 1, isParked: true, isWantedForBurial: false)
        default:
            copies.append(copy)
            return .added(index: copies.count - 1, isParked: false, isWantedForBurial: false)
        }
    }

    /// - Returns: how the counts of all jobs change.
    mutating func enter(_ next: HeldPhase) -> PhaseCounts {
        let before = counts()
        phase = next
        isQueued = false
        alarmAt = nil
        return counts() - before
    }

    mutating func counts() -> PhaseCounts {
        var counts = PhaseCounts()
        if isQueued { counts.queued = 1 }
        switch phase {
        case .claiming, .inspecting, .verifying: counts.claims = 1
        case .claimed: counts.inHand = 1
        case .parked: counts.parkedCopies = copies.count
        case .settling(_, let pending):
            if pending.deliversOnceSettled { counts.claims = 1 }
            if case .bury = pending.settlement {} else { counts.settlements = 1 }
        case .holding, .burying: break
        }
        return counts
    }
}
