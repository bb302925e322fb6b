import Beanstalk
import NIOCore
import PipelinedTransport

// What single calls cost decides how fast one caller, who waits for each, can be. Where every node is connected, their
// puts leave in the turn of the loop that looks at them, and the turn of the last answer resumes the callers: no task is
// made, and nothing hops between threads on the way. Anything else, be it a node that refuses, is lost or late, or a
// caller that is cancelled, hands the write over to the task group in `carryOut`, which then waits for what was posted.
extension Producer {
    /// Sends a write's puts at once.
    ///
    /// - Returns: false where a node it is planned for is not connected or in doubt; nothing was sent then.
    func post(_ write: Write) -> Bool {
        let puts = write.plan.puts
        guard !puts.isEmpty, write.isConnected, write.plan.probes.isEmpty else { return false }
        let number = write.number
        for node in puts.nodes { write.posted[node] = PostedPuts() }
        for (node, puts) in puts {
            let batch = batch(of: puts, in: write)
            // It may be over before this returns, and the write's task wait for it in a later turn only.
            write.posted[node]?.batch = connections[node].onLoop.post(batch) { outcome in
                self.postedPutsEnded(outcome, on: node, in: number)
            }
        }
        return true
    }

    private func postedPutsEnded(_ outcome: BatchOutcome<BeanstalkReply>, on node: Int, in number: UInt64) {
        guard let write = writes[number], let posted = write.posted[node] else { return }
        let replies = PutReplies(outcome, count: write.plan.puts[node]?.count ?? 0)
        guard write.task == nil, replies.areAllStored else {
            posted.end(outcome)
            handOver(write)
            return
        }
        write.posted[node] = nil
        write.generations[node] = outcome.generation
        for action in write.fanOut.answered(node: node, replies.answers) {
            switch action {
            case .startGrace:
                let end = NIODeadline.now() + TimeAmount(configuration.stragglerGrace)
                write.graceEnd = end
                armGraceTimer(for: end)
            case .finish:
                concludePosted(write)
            case .send:
                // Nothing that was stored is sent again.
                break
            }
        }
    }

    private func concludePosted(_ write: Write) {
        let count = write.jobs.count
        guard write.fanOut.accepted?.allSatisfy(\.self) == true else { return handOver(write) }
        writes[write.number] = nil
        metrics.recordScheduled(count)
        for job in write.jobs.indices { resume(job, of: write, .success(receipt(for: job, of: write))) }
        endCall()
    }

    /// Lets the task group of ``carryOut(_:)`` wait for what was posted, and do all that is left to do.
    func handOver(_ write: Write) {
        guard write.task == nil else { return }
        // Awaited by the callers, whom it resumes, and by `close`, which waits for the end of the call it stands for.
        write.task = Task(executorPreference: loopExecutor) { [number = write.number] in await self.run(number) }
    }

    /// Waits for what came of puts that were posted; cancelling the task ends the wait.
    func outcomeOfPosted(on node: Int, in number: UInt64) async -> BatchOutcome<BeanstalkReply> {
        let posted = writes[number]?.posted[node]
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                guard let posted else {
                    // Cannot be: a write and what was posted of it are there until its task has ended.
                    let closed = TransportError(.closed, address: nodes[node].address, mayHaveBeenSent: true)
                    return waiter.resume(
                        returning: BatchOutcome(replies: [], failure: closed, generation: ConnectionGeneration(0)))
                }
                posted.wait(waiter)
            }
        } onCancel: { [connection = connections[node], batch = posted?.batch] in
            if let batch { connection.abandonSoon(batch) }
        }
    }

    // MARK: Stragglers

    /// One timer serves all posted writes: their graces end in the order they began.
    private func armGraceTimer(for end: NIODeadline) {
        guard graceTimer == nil else { return }
        graceTimer = eventLoop.scheduleTask(deadline: end) { [weak self] in
            guard let self else { return }
            self.assumeIsolated { $0.graceTimerFired() }
        }
    }

    private func graceTimerFired() {
        graceTimer = nil
        let now = NIODeadline.now()
        var next: NIODeadline?
        for write in writes.values where write.task == nil {
            guard let end = write.graceEnd else { continue }
            if end <= now { handOver(write) } else { next = min(next ?? end, end) }
        }
        if let next { armGraceTimer(for: next) }
    }
}
