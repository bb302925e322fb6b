/// What the ledger says to a request.
package enum LedgerReply: Sendable, Hashable {
    /// The job is the owner's to run until the lease ends.
    ///
    /// - Parameters:
    ///   - attempt: numbers the grants of the job from 1: a fencing token. Starts again where a record was lost.
    ///   - failures: how often the job failed before.
    case granted(attempt: Int, failures: JobFailures)

    /// The lease of the last claim is over, and nobody has counted it yet: `endLease` is to be asked.
    ///
    /// - Parameter failures: those of the job once it is counted.
    case ended(attempt: Int, failures: JobFailures)

    /// The job's leases ended so often that it may be claimed only to run alone in its process.
    case suspect(JobFailures)

    /// Somebody has the claim, and keeps it for this long unless it is renewed; zero where that time is over and nobody
    /// has asked since.
    case held(for: Duration)

    /// The job failed, was given back or was replayed, and may be claimed after this long; zero where it may be claimed
    /// now.
    case waiting(for: Duration)

    /// The job never ran, and by the ledger's clock its date comes after this long.
    case early(for: Duration)

    /// The job will not run.
    case finished(Finish)

    /// The claim lasts a lease from now.
    case renewed

    /// The job was settled as asked, now or by the same request before.
    case settled

    /// The owner has no claim any more; nothing was changed.
    case lost

    /// The job will not run.
    case revoked

    /// The job is being run; it was not revoked.
    case running

    /// The job ran to its end before; it was not revoked.
    case alreadyDone

    /// The deleted copies were noted, or cannot be counted.
    case forgotten

    /// Where copies of the dead job lie was noted.
    case noted

    /// The job is not dead any more and may be claimed. This request did that, or the same one when it was made before.
    case replayed

    /// There is no record.
    case absent

    /// The edition's copies may be written.
    case intended

    /// The edition is the id's.
    case confirmed

    /// The edition will not run.
    case withdrawn

    /// The id's edition has the same content, and waits; at first, for the date.
    case same(JobEdition, Timestamp)

    /// The id's edition has another content, and waits.
    ///
    /// - Parameter until: its date; 1970 where that is not known.
    case taken(until: Timestamp)

    /// The id had so many editions that the ledger remembers no more.
    case full

    /// The job waits for its date, and never ran.
    case scheduled(Timestamp)

    /// The ledger's clock shows this.
    case time(Timestamp)

    /// The consumer is on the board.
    ///
    /// - Parameters:
    ///   - at: what the ledger's clock shows.
    ///   - pausedUntil: the end of the queue's pause, ``Timestamp/latest`` where it has none; nil where it is not paused.
    case checkedIn(at: Timestamp, pausedUntil: Timestamp?)

    /// The consumer is on the board no more.
    case checkedOut

    /// The queue is paused.
    case paused

    /// The queue is paused no more.
    case resumed

    /// Why a job will not run.
    package enum Finish: String, Sendable, Hashable, CustomStringConvertible {
        /// It ran to its end.
        case done
        case revoked
        /// It was given up; its copies go on lying on their nodes.
        case dead
        /// It never became its id's, or another one took its place.
        case withdrawn

        package var description: String { rawValue }
    }
}

extension LedgerReply: CustomStringConvertible {
    /// One line, as the ledger's scripts answer; durations in microseconds.
    package var description: String {
        switch self {
        case .granted(let attempt, let failures): "granted \(attempt) \(failures)"
        case .ended(let attempt, let failures): "ended \(attempt) \(failures)"
        case .suspect(let failures): "suspect \(failures)"
        case .held(let duration): "held \(duration.microsecondsRoundedUp)"
        case .waiting(let duration): "waiting \(duration.microsecondsRoundedUp)"
        case .early(let duration): "early \(duration.microsecondsRoundedUp)"
        case .finished(let finish): "finished \(finish)"
        case .renewed: "renewed"
        case .settled: "settled"
        case .lost: "lost"
        case .revoked: "revoked"
        case .running: "running"
        case .alreadyDone: "alreadyDone"
        case .forgotten: "forgotten"
        case .noted: "noted"
        case .replayed: "replayed"
        case .absent: "absent"
        case .intended: "intended"
        case .confirmed: "confirmed"
        case .withdrawn: "withdrawn"
        case .same(let edition, let date): "same \(edition) \(date.microseconds)"
        case .taken(let date): "taken \(date.microseconds)"
        case .full: "full"
        case .scheduled(let date): "scheduled \(date.microseconds)"
        case .time(let time): "time \(time.microseconds)"
        case .checkedIn(let time, let end):
            "checkedIn \(time.microseconds) \(end.map { "\($0.microseconds)" } ?? "-")"
        case .checkedOut: "checkedOut"
        case .paused: "paused"
        case .resumed: "resumed"
        }
    }
}
