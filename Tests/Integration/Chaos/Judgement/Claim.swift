/// One attempt of a job, as the ledger's log tells it.
struct Claim: Hashable {
    /// How the attempt ended in the ledger.
    enum Ending: Hashable {
        /// Its lease ran out, which was counted, or the next attempt or a revocation took over.
        case overtaken
        case retried
        case handedBack
        case done
        case dead
    }

    let owner: String
    /// Nil where the job's id was generated.
    var edition: Edition?
    let attempt: Int
    let failures: Int
    /// The job was to run alone in its process.
    var alone = false
    let granted: Instant
    /// As last renewed.
    var leaseEnd: Instant
    /// The ends of leases that were renewed only after them, which is allowed as long as nobody took over.
    var lapses: [Instant] = []
    /// Nil where it was the last word.
    var ending: Ending?
}

/// What the ledger's log tells of one job.
struct LedgerStory {
    private(set) var claims: [Claim] = []
    private(set) var last: LedgerEntry.State?
    /// Whatever became of it afterwards.
    private(set) var isGivenUp = false
    /// The edition that is the id's.
    private var current: Edition?
    /// Editions that may not run any more.
    private var withdrawn: Set<String> = []
    /// How many leases the ledger says have ended.
    private var endedLeases = 0
    /// Changes that the rules of the ledger do not allow, in words.
    private(set) var anomalies: [String] = []

    /// - Parameter lease: what every consumer was started with: a lease that ends at some time was given that much
    ///   earlier.
    init(_ entries: [LedgerEntry], lease: Duration) {
        for entry in entries { add(entry.state, of: entry.edition, lease: lease) }
    }

    /// Stories by job id.
    static func stories(_ entries: [LedgerEntry], lease: Duration) -> [String: LedgerStory] {
        Dictionary(grouping: entries, by: \.id).mapValues { LedgerStory($0, lease: lease) }
    }

    /// - Parameter date: that of the job, as an id's editions count their attempts each for itself. One that was past
    ///   when the job was scheduled is not that of its edition.
    func claim(attempt: Int, date: Instant? = nil) -> Claim? {
        let claims = claims.filter { $0.attempt == attempt }
        return claims.first { $0.edition != nil && $0.edition?.fireDate == date } ?? claims.last
    }

    private mutating func add(_ state: LedgerEntry.State, of edition: Edition?, lease: Duration) {
        switch state {
        case .intended: return
        case .withdrawn:
            if let edition { withdrawn.insert(edition.name) }
            return
        case .claimed, .scheduled: takeOver(edition, state)
        default: break
        }
        defer { last = state }
        switch state {
        case .claimed(let owner, let attempt, let failures, let alone, let leaseEnd):
            claimed(
                Claim(
                    owner: owner, edition: edition, attempt: attempt, failures: failures, alone: alone,
                    granted: leaseEnd - lease, leaseEnd: leaseEnd))
        case .waiting(let attempt, let failures, let ended):
            defer { endedLeases = ended }
            guard let claim = claims.last, claim.attempt == attempt, claim.ending == nil else {
                anomalies.append("attempt \(attempt) gave back what it did not hold")
                return
            }
            if ended > endedLeases {
                end(.overtaken)
            } else {
                end(failures > claim.failures ? .retried : .handedBack)
            }
        case .done:
            guard case .done? = last else {
                guard claims.last?.ending == nil, !claims.isEmpty else {
                    anomalies.append("done by nobody who held it")
                    return
                }
                end(.done)
                return
            }
        case .revoked:
            if case .done? = last { anomalies.append("revoked after it was done") }
            if let claim = claims.last, claim.ending == nil { end(.overtaken) }
        case .dead:
            isGivenUp = true
            end(.dead)
        case .scheduled:
            switch last {
            case nil, .scheduled?, .waiting?: break
            case .some(let other): anomalies.append("scheduled again, though it was \(other)")
            }
        case .unreadable(let record):
            anomalies.append("unreadable record \(record)")
        case .intended, .withdrawn: break
        }
    }

    /// An edition is scheduled or claimed: it is its id's, and no other one is.
    private mutating func takeOver(_ edition: Edition?, _ state: LedgerEntry.State) {
        guard let edition else { return }
        if withdrawn.contains(edition.name) { anomalies.append("edition \(edition.name) is back: \(state)") }
        if let current, current.name != edition.name, !withdrawn.contains(current.name) {
            anomalies.append("edition \(edition.name) is \(state), beside edition \(current.name)")
        }
        current = edition
    }

    private mutating func claimed(_ claim: Claim) {
        switch last {
        case .done?: anomalies.append("attempt \(claim.attempt) was granted after the job was done")
        case .revoked?: anomalies.append("attempt \(claim.attempt) was granted after the job was revoked")
        default: break
        }
        guard let previous = claims.last else {
            claims.append(claim)
            return
        }
        if claim.edition != previous.edition {
            if claim.attempt != 1 { anomalies.append("attempt \(claim.attempt) of a new edition") }
            if previous.ending == nil {
                anomalies.append("edition \(previous.edition?.name ?? "-") was replaced in a run")
            }
            claims.append(claim)
            return
        }
        if previous.attempt == claim.attempt, previous.owner == claim.owner, previous.ending == nil {
            if claim.granted > previous.leaseEnd { claims[claims.count - 1].lapses.append(previous.leaseEnd) }
            claims[claims.count - 1].leaseEnd = claim.leaseEnd
            return
        }
        if claim.attempt != previous.attempt + 1 {
            anomalies.append("attempt \(claim.attempt) was granted after attempt \(previous.attempt)")
        }
        if previous.ending == nil || previous.ending == .overtaken {
            if claim.granted < previous.leaseEnd {
                anomalies.append(
                    "attempt \(claim.attempt) was granted \(previous.leaseEnd - claim.granted) before the lease of "
                        + "attempt \(previous.attempt) ended")
            }
            end(.overtaken)
        }
        claims.append(claim)
    }

    private mutating func end(_ ending: Claim.Ending) {
        guard !claims.isEmpty else { return }
        claims[claims.count - 1].ending = ending
    }
}
