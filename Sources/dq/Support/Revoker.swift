import CommandSupport
import DelayQueue

/// Revokes jobs, many at a time, and prints what became of each.
struct Revoker {
    /// A job to be revoked.
    enum Job: Sendable {
        case receipt(Receipt)
        case id(JobID)

        /// Reads a receipt, or else an id.
        init(_ text: String) throws(DelayQueueError) {
            if let receipt = Receipt(text) {
                self = .receipt(receipt)
            } else {
                // A receipt that was cut off must not be taken for an id.
                guard !text.hasPrefix("dqr") else {
                    _ = try Receipt(parsing: text)
                    throw DelayQueueError(.malformedReceipt, "this is no receipt")
                }
                self = .id(try JobID(text))
            }
        }

        var id: JobID {
            switch self {
            case .receipt(let receipt): receipt.jobID
            case .id(let id): id
            }
        }
    }

    struct Outcome {
        let result: Result<RevokeOutcome, DelayQueueError>

        /// Whether it does not run any more.
        var isOver: Bool {
            switch result {
            case .success(let outcome): outcome == .revoked || outcome == .alreadyDone
            case .failure: false
            }
        }

        var isRevoked: Bool { (try? result.get()) == .revoked }

        var text: String {
            switch result {
            case .success(let outcome): outcome.description
            case .failure(let error): "failed: \(PrintableText.line(error.description))"
            }
        }
    }

    /// How many jobs are told of together. An interruption waits for those that were begun.
    static let batchSize = 2048

    private let producer: Producer
    private let json: Bool

    init(_ producer: Producer, json: Bool = false) {
        self.producer = producer
        self.json = json
    }

    /// Prints a line a job, in their order.
    ///
    /// Where the task is cancelled, those that were begun are told of as all others, and the rest as cancelled.
    ///
    /// - Throws: `CommandError` where nobody can be told.
    func revoke(_ jobs: [Job]) async throws -> [Outcome] {
        guard !jobs.isEmpty else { return [] }
        var receipts: [Receipt] = []
        var ids: [JobID] = []
        for job in jobs {
            switch job {
            case .receipt(let receipt): receipts.append(receipt)
            case .id(let id): ids.append(id)
            }
        }
        var ofReceipts = await producer.revoke(receipts).makeIterator()
        var ofIDs = await producer.revoke(ids).makeIterator()
        let outcomes = jobs.map { job in
            let result =
                switch job {
                case .receipt: ofReceipts.next()
                case .id: ofIDs.next()
                }
            return Outcome(result: result ?? .failure(DelayQueueError(.closed, "it was not attended to")))
        }
        try await Operating.tell(zip(jobs, outcomes).map(line))
        return outcomes
    }

    private func line(_ job: Job, _ outcome: Outcome) -> String {
        guard json else { return "\(job.id) \(outcome.text)" }
        var object = JSONObject()
        object.add("id", job.id.description)
        object.add("outcome", outcome.text)
        return object.line
    }
}
