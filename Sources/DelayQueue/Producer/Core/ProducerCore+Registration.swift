#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

// An id of the caller's own means one job: it is announced to the ledger, written, and confirmed. Until the ledger has
// confirmed it, nothing of it replaces anything; a caller that dies between leaves nothing that counts.
extension ProducerCore {
    /// A job that was stored often enough.
    struct Confirmation {
        let call: CallID
        let position: Int
        let write: WriteID
        /// Its place in the write.
        let index: Int
        let job: PreparedJob
        let receipt: Receipt
        /// Its copies, as far as they were known when its write was last heard of.
        var copies: [FanOut.Copy]
    }

    /// For so long after its announcement copies of a job wait for its confirmation: longer than a write takes. A copy
    /// that comes due later makes its job the id's, if the id has none.
    private var confirmationWait: Duration { configuration.writeTimeout * 2 + configuration.stragglerGrace * 2 }

    private static let dateStyle = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    // MARK: Announcing

    func registration(of job: PreparedJob) -> LedgerRequest {
        let operation: LedgerRequest.Operation =
            job.registration.map {
                .intend($0.content, isReplacing: $0.isReplacing, wait: confirmationWait)
            } ?? .status
        return LedgerRequest(key: key(of: job), operation: operation, timing: configuration.timing)
    }

    /// - Parameter jobs: those of the call that the ledger was asked about.
    mutating func idsAnswered(
        _ id: CallID, _ jobs: [PreparedJob], _ results: [Result<LedgerReply, DelayQueueError>]
    ) {
        let unanswered = DelayQueueError(.ledgerUnavailable, "the ledger gave no answer")
        let answers = jobs.indices.map { $0 < results.count ? results[$0] : .failure(unanswered) }
        guard let call = calls[id] else {
            // It was cancelled meanwhile.
            let announced = zip(jobs, answers).filter { _, answer in
                if case .success(.intended) = answer { true } else { false }
            }
            return withdrawUnwritten(announced.map(\.0))
        }
        calls[id]?.isRegistered = true
        var position = 0
        for (index, job) in call.jobs.enumerated() where !job.hasFreshID {
            let answer = answers[position]
            position += 1
            switch answer {
            case .success(.intended): continue
            // A record in go-queue's format is not announced.
            case .success(.absent) where job.registration == nil, .success(.held) where job.registration == nil,
                .success(.waiting) where job.registration == nil:
                continue
            case .success(let reply): conclude(id, index, verdict(on: job, reply))
            case .failure(let error):
                conclude(id, index, .failure(error.adding("no copy was written, as the ledger is to know of it first")))
            }
        }
        if calls[id] != nil { gathered.append(id) }
    }

    /// Nothing was written of jobs that were announced.
    mutating func withdrawUnwritten(_ jobs: [PreparedJob]) {
        let announced = jobs.filter { $0.registration != nil }
        if !announced.isEmpty { removeWithdrawn(announced.map { ($0, []) }) }
    }

    /// What the caller of a job is told whose id has another one.
    private func verdict(on job: PreparedJob, _ reply: LedgerReply) -> Result<Receipt, DelayQueueError> {
        let id = job.id
        switch reply {
        case .same(let edition, let date):
            return .success(
                Receipt(
                    jobID: id, fireTime: date, queue: queue, hasOwnID: true, edition: edition,
                    wasScheduledBefore: true, format: .native, copies: 0, placements: []))
        case .taken(let date):
            let known = date.microseconds > 0 ? ", due \(date.date.formatted(Self.dateStyle))," : ""
            return .failure(
                DelayQueueError(
                    .idTaken,
                    "id \(id) is that of another job\(known) with another time, body or headers; this one was not "
                        + "scheduled: give it another id, or set idConflict to replace to put it in the other one's place"
                ))
        case .held:
            return .failure(
                DelayQueueError(
                    .idTaken,
                    "job \(id) is running, or its lease has not ended; nothing was scheduled: give the next one another id, "
                        + "or schedule it once this one is over, under an id of its own"))
        case .full:
            return .failure(
                DelayQueueError(
                    .idTaken,
                    "id \(id) was replaced or refused \(JobEditions.maximumCount) times, and the ledger remembers no more "
                        + "until copies of those are past; nothing was scheduled: give it another id"))
        case .finished(.withdrawn):
            var error = DelayQueueError(
                .idTaken,
                "the ledger was told of job \(id) so long before it was written that another one has the id by now: ask for "
                    + "the id's status")
            error.sequel = .mayHaveRun
            return .failure(error)
        case .finished(let state):
            return .failure(
                DelayQueueError(
                    .jobFinished, "job \(id) is \(state) already; schedule it again under a new id"))
        default:
            return .failure(
                DelayQueueError(
                    .ledgerRecordUnreadable, "the ledger answered \(reply) where job \(id) was to be scheduled"))
        }
    }

    // MARK: Confirming

    /// Asks for the ledger's word on jobs that enough nodes have stored.
    mutating func confirm(_ jobs: [Int], of write: Write, _ id: WriteID) {
        let confirmation = makeID()
        confirmations[confirmation] = jobs.map { index in
            let entry = write.entries[index]
            return Confirmation(
                call: entry.call, position: entry.position, write: id, index: index, job: entry.job,
                receipt: receipt(for: index, of: write), copies: write.fanOut.copies(of: index))
        }
        let requests = jobs.compactMap { index -> LedgerRequest? in
            let job = write.entries[index].job
            return job.registration.map {
                LedgerRequest(
                    key: key(of: job), operation: .confirm($0.content, isReplacing: $0.isReplacing),
                    timing: configuration.timing)
            }
        }
        actions.append(.ask(requests, .confirmation(confirmation)))
    }

    /// A write of which nothing more is kept.
    mutating func keepCopies(of fanOut: FanOut, _ write: WriteID) {
        for (id, jobs) in confirmations {
            for (position, job) in jobs.enumerated() where job.write == write {
                confirmations[id]?[position].copies = fanOut.copies(of: job.index)
            }
        }
    }

    mutating func confirmed(_ id: ConfirmationID, _ results: [Result<LedgerReply, DelayQueueError>]) {
        var refused: [(PreparedJob, [FanOut.Copy])] = []
        for (index, confirmation) in (confirmations.removeValue(forKey: id) ?? []).enumerated() {
            let result: Result<Receipt, DelayQueueError>
            switch index < results.count ? results[index] : .failure(.unconfirmed(nil)) {
            case .success(.confirmed): result = .success(confirmation.receipt)
            case .success(.absent): result = .failure(.unconfirmed(nil))
            case .success(let reply):
                result = verdict(on: confirmation.job, reply)
                // Leads that are still owed are taken back once they are stored.
                let copies =
                    writes[confirmation.write]?.fanOut.withdraw(confirmation.index)
                    ?? lateWrites[confirmation.write]?.fanOut.withdraw(confirmation.index)
                refused.append((confirmation.job, copies ?? confirmation.copies))
            case .failure(let error): result = .failure(.unconfirmed(error))
            }
            conclude(confirmation.call, confirmation.position, result)
        }
        if !refused.isEmpty { removeWithdrawn(refused) }
    }
}

extension DelayQueueError {
    /// The copies stay: the ledger may have confirmed them.
    fileprivate static func unconfirmed(_ error: DelayQueueError?) -> DelayQueueError {
        var unconfirmed = DelayQueueError(
            .ledgerUnavailable,
            "the job was written, but the ledger did not confirm that it is the one of its id: schedule it again as it was, "
                + "which is safe, or ask for the id's status",
            underlying: error)
        unconfirmed.mayStillFire = true
        return unconfirmed
    }
}
