import Beanstalk

/// What a job in this consumer's hands is waiting for.
enum HeldPhase {
    /// Its due time; or, once due, a touch that confirms the reservation.
    case holding
    /// The ledger's answer to a claim.
    case claiming(owner: ClaimOwner)
    /// `stats-job` on a copy: of a job so late that its record is gone, to learn whether it was kicked; of a foreign
    /// job, to learn its time to run and priority.
    case inspecting(copy: BeanstalkJobID, link: Int)
    /// The end of another owner's lease, the return of the ledger, or news of a dead job: the ledger is asked again
    /// when the job's alarm comes.
    case parked
    /// A touch that confirms the reservation, which grew old while the claim was granted.
    case verifying(HeldClaim)
    /// The application.
    case claimed(HeldClaim)
    /// The ledger's answer to a settlement.
    case settling(HeldClaim, PendingSettlement)
}

/// The right to run a job, as this consumer knows it.
struct HeldClaim {
    let owner: ClaimOwner
    let attempt: Int
    let failures: JobFailures
    /// When the request was sent that the ledger last confirmed the lease with, plus the lease.
    var leaseEnd: Uptime
    var renewAt: Uptime
    var isRenewing = false
    /// The job was told that its lease is over.
    var isReportedLost = false
    /// Its copies were given back, so that another consumer can reserve and claim the job.
    var gaveCopiesBack = false
}
