import NIOCore

// Single calls at the same time share one fan-out, and so its cost; none waits for others to come.
extension Producer {
    /// Writes one job together with those of other callers that come in the same turn of the loop.
    ///
    /// Only for jobs that need not be looked up first.
    nonisolated func write(_ job: PreparedJob) async -> Result<Receipt, DelayQueueError> {
        if Task.isCancelled { return .failure(.cancelledUnwritten) }
        let id = gathered.makeID()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                if gathered.add(.init(id: id, job: job, waiter: waiter)) { onLoop { $0.writeGathered() } }
                // A cancellation that came before found nothing to withdraw.
                if Task.isCancelled { onLoop { $0.withdraw(id) } }
            }
        } onCancel: {
            onLoop { $0.withdraw(id) }
        }
    }

    private nonisolated func onLoop(_ action: @escaping @Sendable (isolated Producer) -> Void) {
        eventLoop.execute { self.assumeIsolated(action) }
    }

    private func writeGathered() {
        var waiting = gathered.takeAll()[...]
        while !waiting.isEmpty {
            var fill = SliceFill()
            let slice = waiting.prefix { entry in
                if fill.isFull { return false }
                fill.add(recordSize: entry.job.recordSize)
                return true
            }
            waiting = waiting[slice.endIndex...]
            write(Array(slice))
        }
    }

    private func write(_ entries: [GatheredJobs.Entry]) {
        do throws(DelayQueueError) {
            try beginCall()
        } catch {
            for entry in entries { entry.waiter.resume(returning: .failure(error)) }
            return
        }
        // One choice of nodes for all: whatever a node does it does to every one of these jobs, so that none waits for
        // another one's node.
        let write = begin(entries.map(\.job), sharingOneChoice: true)
        write.callers = entries.map { Write.Caller(id: $0.id, waiter: $0.waiter) }
        for (job, entry) in entries.enumerated() { underway[entry.id] = (write, job) }
        writes[write.number] = write
        if !post(write) { handOver(write) }
    }

    /// Carries out a write that no longer goes as usual, or never did.
    func run(_ number: UInt64) async {
        guard let write = writes[number] else { return }
        await carryOut(write)
        let accepted = write.fanOut.accepted ?? write.jobs.map { _ in false }
        metrics.recordScheduled(accepted.count { $0 })
        for job in write.jobs.indices where accepted[job] {
            resume(job, of: write, .success(receipt(for: job, of: write)))
        }
        let refused = write.jobs.indices.filter { !accepted[$0] && !write.fanOut.isWithdrawn($0) }
        if !refused.isEmpty {
            for (job, error) in await withdrawnErrors(refused, of: write, isCancelled: false) {
                metrics.recordRefused(1)
                resume(job, of: write, .failure(error))
            }
        }
        await removeUnwanted(of: write)
        writes[number] = nil
        endCall()
    }

    func resume(_ job: Int, of write: Write, _ result: Result<Receipt, DelayQueueError>) {
        guard let caller = write.callers[job].take() else { return }
        underway[caller.id] = nil
        caller.waiter.resume(returning: result)
    }

    // MARK: Cancellation

    /// The caller's task was cancelled: unless it is decided already, the job is refused, and the others go on.
    private func withdraw(_ id: UInt64) {
        if let entry = gathered.take(id) {
            entry.waiter.resume(returning: .failure(.cancelledUnwritten))
            return
        }
        guard let (write, job) = underway[id], write.fanOut.accepted == nil, !write.fanOut.isWithdrawn(job) else {
            return
        }
        handOver(write)
        write.fanOut.withdraw(job)
        inFlight += 1
        // Awaited by the caller, whom it resumes; not cut short by the cancellation that caused it.
        Task {
            for (job, error) in await withdrawnErrors([job], of: write, isCancelled: true) {
                metrics.recordRefused(1)
                resume(job, of: write, .failure(error))
            }
            endCall()
        }
        // With nobody left the answers are not waited for: what is stored late is deleted when they come.
        if write.jobs.indices.allSatisfy(write.fanOut.isWithdrawn) { write.task?.cancel() }
    }

    /// Deletes what was stored of jobs after they were withdrawn.
    private func removeUnwanted(of write: Write) async {
        let unwanted = write.fanOut.unwanted
        guard !unwanted.isEmpty else { return }
        let targets = unwanted.map { copy in
            CopyRemoval.Target(
                node: copy.node, id: copy.id, jobID: write.jobs[copy.put.job].id, copy: copy.put.copy,
                generation: write.generations[copy.node])
        }
        // Not to be cut short by the cancellation of the task it runs in: a task of its own, awaited right here.
        _ = await Task { await remove(targets) }.value
    }
}

extension DelayQueueError {
    static var cancelledUnwritten: DelayQueueError {
        DelayQueueError(.cancelled, "the task was cancelled; nothing was written")
    }
}
