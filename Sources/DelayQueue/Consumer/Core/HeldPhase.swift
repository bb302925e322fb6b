import Beanstalk

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
