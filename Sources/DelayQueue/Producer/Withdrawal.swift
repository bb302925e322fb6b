package import PipelinedTransport

/// Takes back what was written of refused jobs: marked in the ledger first, then deleted, then forgotten.
///
/// The order matters: a copy that cannot be deleted must not run, so the mark comes before anything else.
package struct Withdrawal {
    package struct Job: Sendable {
        package var id: JobID
        /// Nobody can have used the id before, or will again.
        package var hasFreshID: Bool
        package var copies: [FanOut.Copy]

        package init(id: JobID, hasFreshID: Bool, copies: [FanOut.Copy]) {
            self.id = id
            self.hasFreshID = hasFreshID
            self.copies = copies
        }

        /// Only where a copy may be left; and never an id that can come again: the caller's own, or go-queue's, which
        /// is a hash of the job.
        fileprivate var mayBeMarked: Bool {
            hasFreshID && copies.contains { if case .refused = $0.answer { false } else { true } }
        }
    }

    /// Carried out and answered one after the other. Jobs are named by their positions.
    package enum Action: Sendable, Equatable {
        /// Ask the ledger for the status of each job, and then to revoke it.
        ///
        /// A revocation does not tell whether the job was claimed before, so that is asked first; for a claim to come
        /// and go between the two requests there is no time.
        case mark([Int])
        case remove([CopyRemoval.Target])
        /// Tell the ledger which copies are gone, so that the mark can go too; costs nothing but memory if it fails.
        case forget([Int: [Int]])
    }

    private enum Step {
        case marking, removing, forgetting, over
    }

    private let jobs: [Job]
    private let hasLedger: Bool
    private var step = Step.marking
    /// The copies to delete, and the jobs they are of.
    private var targets: [CopyRemoval.Target] = []
    private var owners: [Int] = []
    /// Jobs the ledger confirmed as marked.
    private var marked: Set<Int> = []
    /// Jobs a consumer had claimed before, whatever came of it.
    private var begun: Set<Int> = []
    /// Copies that are certain not to exist.
    private var deleted: [Int: [Int]] = [:]
    private var leftovers: Set<Int> = []

    /// - Parameter generations: the connection each node's copies were written on.
    package init(_ jobs: [Job], generations: PerNode<ConnectionGeneration>, hasLedger: Bool) {
        self.jobs = jobs
        self.hasLedger = hasLedger
        for (position, job) in jobs.enumerated() {
            for copy in job.copies {
                switch copy.answer {
                case .stored(let id):
                    owners.append(position)
                    targets.append(
                        CopyRemoval.Target(
                            node: copy.node, id: id, jobID: job.id, copy: copy.index,
                            generation: generations[copy.node]))
                case .refused: deleted[position, default: []].append(copy.index)
                case .unknown: leftovers.insert(position)
                }
            }
        }
    }

    /// What to do now; nil where all is done.
    package mutating func next() -> Action? {
        if step == .marking {
            step = .removing
            let candidates = hasLedger ? jobs.indices.filter { jobs[$0].mayBeMarked } : []
            if !candidates.isEmpty { return .mark(candidates) }
        }
        if step == .removing {
            step = .forgetting
            if !targets.isEmpty { return .remove(targets) }
        }
        if step == .forgetting {
            step = .over
            let forgettable = deleted.filter { marked.contains($0.key) }
            if !forgettable.isEmpty { return .forget(forgettable) }
        }
        return nil
    }

    /// The ledger's replies, two for each job that was to be marked.
    package mutating func marked(_ jobs: [Int], _ results: [Result<LedgerReply, DelayQueueError>]) {
        for (position, job) in jobs.enumerated() where results.count >= position * 2 + 2 {
            let (status, revocation) = (results[position * 2], results[position * 2 + 1])
            switch revocation {
            case .success(.revoked):
                marked.insert(job)
                if case .success(.absent) = status { continue }
                begun.insert(job)
            case .success:
                begun.insert(job)
            case .failure:
                break
            }
        }
    }

    /// What became of the copies that were to be removed, in their order.
    package mutating func removed(_ results: [CopyRemoval.Result]) {
        for ((position, target), result) in zip(zip(owners, targets), results) {
            if case .deleted = result {
                deleted[position, default: []].append(target.copy)
            } else {
                leftovers.insert(position)
            }
        }
    }

    /// Whether a refused job may run, or have run, although its caller is told of a failure.
    package func mayStillFire(_ job: Int) -> Bool {
        leftovers.contains(job) && !marked.contains(job) || begun.contains(job)
    }
}
