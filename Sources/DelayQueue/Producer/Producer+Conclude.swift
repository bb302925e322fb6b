import Beanstalk
import Logging

extension Producer {
    /// Makes receipts for accepted jobs, and takes back what is left of refused ones.
    func conclude(_ write: Write) async -> [Result<Receipt, DelayQueueError>] {
        let accepted = write.fanOut.accepted ?? write.jobs.map { _ in false }
        let refused = write.jobs.indices.filter { !accepted[$0] }
        var errors: [Int: DelayQueueError] = [:]
        if !refused.isEmpty {
            errors = await withdrawnErrors(refused, of: write, isCancelled: Task.isCancelled)
        }
        return write.jobs.indices.map { job in
            if let error = errors[job] { return .failure(error) }
            return .success(receipt(for: job, of: write))
        }
    }

    // Isolated to nothing: a closure of an actor checks its executor each time it is called.
    nonisolated func receipt(for index: Int, of write: Write) -> Receipt {
        let job = write.jobs[index]
        let placements = write.fanOut.copies(of: index).compactMap { copy -> Receipt.Placement? in
            switch copy.answer {
            case .stored(let id): Receipt.Placement(node: nodes[copy.node], index: copy.index, id: id)
            case .unknown: Receipt.Placement(node: nodes[copy.node], index: copy.index, id: nil)
            case .refused: nil
            }
        }
        return Receipt(
            jobID: job.id, fireTime: job.fireTime, queue: queue, hasOwnID: job.isOwnID,
            format: job.isNative ? .native : .goQueue, copies: job.declaredCopies(write.copies[index]),
            placements: placements)
    }

    // MARK: Refusal

    /// Takes back what was written of refused jobs.
    ///
    /// - Returns: the error for each of them.
    func withdrawnErrors(_ refused: [Int], of write: Write, isCancelled: Bool) async -> [Int: DelayQueueError] {
        // Taking back must not be cut short by the cancellation that caused it: a task of its own, which does not
        // inherit the cancellation, awaited right here.
        await Task { await takeBack(refused, of: write, isCancelled: isCancelled) }.value
    }

    /// Tombstones and deletes what was written of refused jobs.
    ///
    /// - Returns: the error for each of them.
    private func takeBack(_ refused: [Int], of write: Write, isCancelled: Bool) async -> [Int: DelayQueueError] {
        var withdrawal = Withdrawal(
            refused.map { job in
                let prepared = write.jobs[job]
                return Withdrawal.Job(
                    id: prepared.id, hasFreshID: prepared.hasFreshID, copies: write.fanOut.copies(of: job))
            },
            generations: write.generations, hasLedger: ledger != nil)
        while let action = withdrawal.next() {
            switch action {
            case .mark(let positions):
                let requests = positions.flatMap { position in
                    let job = refused[position]
                    return [
                        statusRequest(of: write.jobs[job]),
                        revocation(of: write.jobs[job], copies: write.copies[job]),
                    ]
                }
                withdrawal.marked(positions, await ledger?.perform(requests) ?? [])
            case .remove(let targets):
                withdrawal.removed(await remove(targets))
            case .forget(let deleted):
                let requests = deleted.map { position, copies in
                    let job = refused[position]
                    return forgetting(copies, of: write.jobs[job], copies: write.copies[job])
                }
                _ = await ledger?.perform(requests)
            }
        }
        let tooLarge = refused.contains(where: write.bodyTooLarge.contains)
        let sizeLimit = tooLarge && !isCancelled ? await smallestSizeLimit() : nil
        var errors: [Int: DelayQueueError] = [:]
        for (position, job) in refused.enumerated() {
            errors[job] = refusal(
                of: job, in: write, isCancelled: isCancelled, sizeLimit: sizeLimit,
                mayStillFire: withdrawal.mayStillFire(position))
        }
        return errors
    }

    private func refusal(
        of job: Int, in write: Write, isCancelled: Bool, sizeLimit: Int?, mayStillFire: Bool
    ) -> DelayQueueError {
        if isCancelled {
            return DelayQueueError(
                .cancelled, "the task was cancelled before enough nodes had acknowledged the job",
                mayStillFire: mayStillFire)
        }
        if isClosed {
            return DelayQueueError(
                .closed, "the producer was closed before enough nodes had acknowledged the job",
                mayStillFire: mayStillFire)
        }
        if write.bodyTooLarge.contains(job) {
            return bodyTooLarge(job, in: write, limit: sizeLimit, mayStillFire: mayStillFire)
        }
        let written = write.fanOut.copies(of: job).count { if case .stored = $0.answer { true } else { false } }
        var failures = write.nodeErrors.sorted { $0.key < $1.key }.map {
            DelayQueueError.NodeFailure(node: nodes[$0.key], error: $0.value)
        }
        for node in write.plan.unplanned where write.nodeErrors[node] == nil {
            failures.append(.init(node: nodes[node], error: NodeNotAnswering()))
        }
        let least = configuration.minimumWritten
        return DelayQueueError(
            .insufficientCopies,
            written < least
                ? "\(written) of at least \(least) copies were written; the job was not accepted"
                : "\(written) copies were written, not all in time (writeTimeout); the job was not accepted",
            nodeFailures: failures, mayStillFire: mayStillFire)
    }

    /// Asks the nodes for their limit, so that the error can name the usable size.
    private func smallestSizeLimit() async -> Int? {
        await withTaskGroup(of: Int?.self) { group in
            for connection in connections {
                group.addTask { try? await connection.stats(timeout: .seconds(1)).maxJobSize }
            }
            var limit: Int?
            for await case let next? in group { limit = min(limit ?? next, next) }
            return limit
        }
    }

    private func bodyTooLarge(_ job: Int, in write: Write, limit: Int?, mayStillFire: Bool) -> DelayQueueError {
        let prepared = write.jobs[job]
        let overhead = prepared.overhead(copies: write.copies[job])
        var message = "body of \(prepared.bodySize) bytes is too large for the nodes"
        if let limit { message += "; at most \(max(limit - overhead, 0)) bytes fit into their limit of \(limit)" }
        return DelayQueueError(
            .bodyTooLarge, message + "; store it elsewhere, or start beanstalkd with a larger -z",
            mayStillFire: mayStillFire)
    }

    // MARK: Own ids

    /// Looks up ids that may have been used before; an error for each job that cannot run (again).
    func finishedIDs(_ jobs: [PreparedJob]) async -> [DelayQueueError?] {
        var errors: [DelayQueueError?] = Array(repeating: nil, count: jobs.count)
        let own = jobs.indices.filter { !jobs[$0].hasFreshID }
        guard let ledger, !own.isEmpty else { return errors }
        let results = await ledger.perform(own.map { statusRequest(of: jobs[$0]) })
        for (index, result) in zip(own, results) {
            errors[index] = OwnID.problem(scheduling: jobs[index].id, status: result)
        }
        return errors
    }
}

/// A node that was not written to: it is within its backoff, or has not answered what it was sent before.
struct NodeNotAnswering: Error, CustomStringConvertible {
    var description: String { "not answering; it was not written to" }
}
