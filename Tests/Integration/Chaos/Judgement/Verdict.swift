/// What a round came to.
struct Verdict {
    /// Why a job ran again.
    enum Explanation: String, Hashable, CaseIterable {
        /// Its handler failed, and it was retried.
        case handlerFailed
        /// Its consumer was asked to end, and gave it back.
        case consumerEnded
        /// Its lease ended because its consumer was killed,
        case consumerKilled
        /// by the job itself or one beside it,
        case consumerPoisoned
        /// or stopped,
        case consumerStopped
        /// or could not reach the ledger,
        case cutFromLedger
        /// or the ledger was away.
        case ledgerAway
    }

    /// A broken promise.
    struct Violation: Hashable {
        enum Rule: String, Hashable, CaseIterable {
            /// An accepted job did not run to completion.
            case lost
            /// A run began before the fire date.
            case early
            /// A job ran again, and nothing that was done to its consumer or handler accounts for it.
            case unexplainedRerun
            /// Two runs of one job within valid leases.
            case overlap
            /// A run without a claim, before its claim, after its lease, or under another run's attempt.
            case runWithoutRight
            /// A run began after the revocation was confirmed.
            case ranAfterRevocation
            /// A job that was refused for certain ran.
            case ranAfterRefusal
            /// The ledger allowed what its rules forbid.
            case ledger
            /// A job that kills its consumers was not found out, or too late.
            case poison
            /// A job had to suffer more than it may for others that kill their consumers, or was given up for them.
            case blamed
            /// A consumer that alone was cut off from the ledger kept a job from the others.
            case kept
            /// Of an id's jobs one ran that another one had replaced.
            case editions
            /// Something was left on a server.
            case leftover
            /// A process ended that nobody had asked to.
            case process
        }

        var rule: Rule
        var text: String
    }

    var violations: [Violation] = []
    var reruns: [Explanation: Int] = [:]
    /// Runs that began after their lease, their process having been stopped between claim and run.
    var lateStarts = 0
    /// How late jobs were claimed that fell due while one consumer was cut off from the ledger and all else was well.
    var waitsBesideCutOff: [Duration] = []
    var recoveries: [Recovery] = []

    var isPassed: Bool { violations.isEmpty }

    func count(_ rule: Violation.Rule) -> Int { violations.count { $0.rule == rule } }
}
