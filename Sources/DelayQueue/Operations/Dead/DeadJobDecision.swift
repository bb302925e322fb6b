import Beanstalk
import PipelinedTransport

/// What is to be done so that dead jobs run after all, or never: the ledger is told of each, and then the copies whose
/// places it knows are made ready, so that consumers meet them at once.
struct DeadJobDecision: Sendable {
    enum Kind: Sendable {
        case replay, drop
    }

    /// A copy that is to be made ready.
    struct Advance: Sendable {
        /// The place of its job, and its own among the job's copies.
        let job: Int
        let copy: Int
        let advance: CopyAdvance
    }

    private struct Entry: Sendable {
        let job: DeadJob
        let request: LedgerRequest
        /// Whether the ledger may still have to be told.
        var isUnanswered = true
        /// The copies that are not ready, and may become so.
        var waiting: [Int] = []
        var outcome: DeadJobOutcome
    }

    private let queue: TubeName
    private let nodes: [BeanstalkNode]
    private var entries: [Entry]

    /// - Parameter nodes: those whose copies can be reached. A job that has copies, and none on them, is refused: the ledger
    ///   knows servers by the names that consumers use; if other names are used here, no copy is found, and the job would
    ///   wait for up to a day.
    init(_ kind: Kind, _ jobs: [DeadJob], queue: TubeName, nodes: [BeanstalkNode], timing: LedgerTiming) {
        self.queue = queue
        self.nodes = nodes
        // How many copies it has is not known here; the record must outlast them all, counted or not.
        let copies = timing.retention(ofCopies: 0) > timing.retention(ofCopies: 1) ? 0 : 1
        entries = jobs.map { job in
            let operation: LedgerRequest.Operation =
                switch kind {
                // All tries have one owner, so that after a lost answer the ledger answers the next try in the same way.
                case .replay: .replay(.random())
                case .drop: .revoke(fireDate: job.diedAt, copies: copies)
                }
            var entry = Entry(
                job: job, request: LedgerRequest(key: job.key, operation: operation, timing: timing),
                outcome: DeadJobOutcome(id: job.id, state: .untouched))
            if kind == .replay, let error = Self.problem(of: job, nodes) {
                entry.isUnanswered = false
                entry.outcome = DeadJobOutcome(id: job.id, state: .failed, error: error)
            }
            return entry
        }
    }

    private static func problem(of job: DeadJob, _ nodes: [BeanstalkNode]) -> DelayQueueError? {
        let known = nodes.map(\.address)
        guard !job.copies.isEmpty, job.copies.allSatisfy({ !known.contains($0.address) }) else { return nil }
        let places = Set(job.copies.map(\.address.description)).sorted().joined(separator: ", ")
        return DelayQueueError(
            .invalidConfiguration,
            "the copies of \(job.id) lie on \(places), and the nodes given are "
                + "\(known.map(\.description).joined(separator: ", ")): name servers as the consumers do")
    }

    // MARK: The ledger

    /// What the ledger is still to be told; empty where it has answered.
    var requests: [LedgerRequest] { entries.lazy.filter(\.isUnanswered).map(\.request) }

    /// Takes in what came of the requests, in their order. What failed for a reason that may pass is asked for again.
    mutating func answered(_ results: [Result<LedgerReply, DelayQueueError>]) {
        for (index, result) in zip(entries.indices.filter { entries[$0].isUnanswered }, results) {
            switch result {
            case .success(.replayed), .success(.revoked):
                entries[index].outcome.state = .decided
                entries[index].outcome.error = nil
            case .success:
                entries[index].outcome.state = .notDead
                entries[index].outcome.error = nil
            case .failure(let error):
                entries[index].outcome.state = .failed
                entries[index].outcome.error = error
            }
            entries[index].isUnanswered = entries[index].outcome.error?.isRetriable ?? false
        }
    }

    // MARK: Copies

    /// Asks the ledger no more. Where it did not answer, it may have decided all the same: the copies are made ready too.
    mutating func beginAdvancing() {
        for index in entries.indices {
            entries[index].isUnanswered = false
            let hasBeenAsked =
                entries[index].outcome.state == .decided || entries[index].outcome.error?.isRetriable == true
            entries[index].waiting = hasBeenAsked ? Array(entries[index].job.copies.indices) : []
        }
    }

    /// The copies to be made ready now, by node. Of a job of which a consumer holds copies, until one of them is ready: it
    /// has just learnt that the job is dead, and may have to wait for the end of a reserve until it sends them back.
    var advances: [ServerAddress: [Advance]] {
        var advances: [ServerAddress: [Advance]] = [:]
        for (index, entry) in entries.enumerated() where entry.outcome.readyCopies == 0 {
            for position in entry.waiting {
                let copy = entry.job.copies[position]
                guard let node = nodes.first(where: { $0.address == copy.address }) else { continue }
                advances[copy.address, default: []].append(
                    Advance(
                        job: index, copy: position,
                        advance: CopyAdvance(copy.id, of: entry.job.key, queue: queue, on: node)))
            }
        }
        return advances
    }

    /// Takes in what came of all that ``advances`` told.
    mutating func advanced(_ outcomes: [(advance: Advance, outcome: CopyAdvance.Outcome)]) {
        for index in entries.indices where entries[index].outcome.readyCopies == 0 { entries[index].waiting = [] }
        for (advance, outcome) in outcomes {
            switch outcome {
            case .ready: entries[advance.job].outcome.readyCopies += 1
            case .inSomebodysHands: entries[advance.job].waiting.append(advance.copy)
            case .notFound: break
            }
        }
    }

    /// What became of each job, in order.
    var outcomes: [DeadJobOutcome] { entries.map(\.outcome) }
}
