package import DelayQueue

/// What a ``Judge`` has seen of one job.
package struct JudgedJob {
    /// What the ledger's replies amount to; unlike the ledger, a judge forgets nothing.
    package enum State: Equatable {
        case absent
        case claimed(ClaimOwner, attempt: Int, leaseEnd: Int64)
        case waiting(ClaimOwner, until: Int64)
        case done(ClaimOwner)
        case revoked
        case dead(ClaimOwner)
        case withdrawn
    }

    /// A run in an application's hands.
    struct Run {
        let consumer: Int
        let attempt: Int
        var leaseEnd: Int64
        var isToldLost = false
    }

    let name: String
    let fireTime: Int64
    /// Nil where it is no edition.
    let id: JobID?
    /// It was its id's.
    var isConfirmed = false
    /// A call got it confirmed, whether or not its caller has learnt that: it may have taken the place of another one.
    var isOwed = false
    /// Another edition was confirmed in its place.
    var isReplaced = false
    package var state = State.absent
    var attempt = 0
    package var failures: JobFailures = 0
    /// Its last claim was made to run it alone in its process.
    var isAlone = false
    /// It ends every process that runs it, until it is dead.
    package var isPoison = false
    /// How often another job ended the process that ran it.
    var killedByOthers = 0
    var hasRecord = false
    /// When the ledger's record was last written.
    var lastWord: Int64 = 0
    /// The ledger lost its record: from then on fewer promises hold.
    var isForgottenByLedger = false
    /// A node brought back a copy whose delete it had acknowledged at that time.
    var undeletedAt: Int64?
    var isAccepted = false
    var acceptedAt: Int64 = 0
    /// How many of its copies were ever stored, by the call that wrote them.
    var stored: [Int: Int] = [:]
    /// The calls that were told so.
    var acceptedBy: [Int] = []
    /// Its refusal said that it will never run.
    var isForbidden = false
    /// A refusal said that it may run all the same.
    var mayFireAnyway = false
    var isToBeRevoked = false
    /// Its revocation was confirmed, or begun where no ledger keeps a copy from running.
    var isRevoked = false
    var mayBeRevoked = false
    var wasCompleted = false
    var deliveries = 0
    var runs: [Run] = []
    /// It was given up some time.
    var wasDead = false
    /// A copy that was put aside, as it was later than records last, was kicked.
    var isKicked = false
    /// An operator wrote one more copy of it, which makes no record, and so may be put aside soon.
    var hasAddedCopy = false
    /// Policy put it away: it was later than records last.
    var wasDiscarded = false
}
