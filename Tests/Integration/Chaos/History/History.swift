/// Everything that is known about a round once it is over; what the judge judges.
struct History: Codable {
    var seed: UInt64
    var nodes: Int
    var lease: Duration
    var began: Instant
    /// The faults were over and everything ran again.
    var calmed: Instant
    /// The nodes were empty; nil where they did not become so.
    var drained: Instant?

    /// Every job that producers were asked to schedule.
    var jobs: [JobStory] = []
    /// Calls of several processes under the same ids.
    var idCalls: [IDCall] = []
    var revocations: [Revocation] = []
    /// Every run that somebody noted.
    var runs: [Run] = []
    /// Every change of a job's record in the ledger, in their order.
    var ledger: [LedgerEntry] = []
    /// Every process that was a consumer.
    var lives: [Life] = []
    var faults: [Fault] = []
    /// What was left on servers and should not have been, in words.
    var leftovers: [String] = []
}

/// One process: its place and its id.
struct ProcessName: Hashable, Codable, CustomStringConvertible {
    var slot: Slot
    var id: Int32

    var description: String { "\(slot)/\(id)" }
}

/// What a producer's caller knows of a job.
struct JobStory: Hashable, Codable {
    enum Fate: String, Hashable, Codable {
        /// A receipt was printed.
        case accepted
        /// It was refused, and whoever was told so was told that it may run all the same.
        case refused
        /// It was refused for certain: it must never run.
        case refusedForGood
        /// The producer died before it told.
        case unknown
    }

    /// Unique, and in the job's body, so that runs can be told apart whose ids nobody was told.
    var token: String
    /// Nil where only the producer knows it.
    var id: String?
    /// The earliest fire date of all tries to schedule it.
    var fireDate: Instant
    var fate: Fate
    /// Its command kills its consumer.
    var isPoison = false
}

/// One call to schedule a job under an id for which others are scheduled too.
struct IDCall: Hashable, Codable {
    enum Answer: String, Hashable, Codable {
        /// A receipt was printed: it is the id's job, or was so already.
        case accepted
        /// For certain, by this call.
        case refused
        /// Its process died, or does not know.
        case unknown
    }

    var id: String
    /// What tells the job from others of its id.
    var token: String
    var begun: Instant
    /// Nothing of it comes after this; nil where nobody knows.
    var ended: Instant?
    var answer: Answer
}

/// One call to take a job back.
struct Revocation: Hashable, Codable {
    enum Outcome: String, Hashable, Codable {
        case revoked, alreadyRunning, alreadyDone
        /// It failed, or its process died: the job may be marked or not.
        case unknown
    }

    var id: String
    var outcome: Outcome
    var answered: Instant
}

/// One run of a job.
struct Run: Hashable, Codable {
    enum Outcome: String, Hashable, Codable {
        case completed, failed
        /// Its consumer ended it.
        case terminated
        /// It killed its consumer.
        case poisoned
    }

    var id: String
    var token: String
    var attempt: Int
    var process: ProcessName
    var start: Instant
    /// Nil where it never told: it was killed.
    var end: Instant?
    var outcome: Outcome?
}

/// One process's time as a consumer.
struct Life: Hashable, Codable {
    enum Ending: Hashable, Codable {
        case killed(Instant)
        /// It was asked to end at this time, and did.
        case asked(Instant)
        /// It ended, and nobody had asked it to.
        case byItself(status: Int?)
    }

    var process: ProcessName
    var start: Instant
    /// Nil while it runs.
    var ending: Ending?
}

/// One fault that was carried out.
struct Fault: Hashable, Codable {
    var target: Target
    var kind: FaultKind
    /// The process it was done to.
    var process: ProcessName?
    /// Before it was done.
    var start: Instant
    /// After it was undone.
    var end: Instant
    /// How a server ended by itself, and where its traces are.
    var detail: String?

    func overlaps(_ from: Instant, _ to: Instant) -> Bool { start <= to && from <= end }
}
