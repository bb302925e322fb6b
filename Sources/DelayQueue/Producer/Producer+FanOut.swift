import Beanstalk
import Logging
import NIOCore
import PipelinedTransport

extension Producer {
    /// Jobs on their way together: the decision, and what the answers said beside it. Confined to the producer.
    final class Write {
        struct Caller {
            let id: UInt64
            let waiter: GatheredJobs.Waiter
        }

        let jobs: [PreparedJob]
        let plan: WritePlan
        var fanOut: FanOut
        let fate = PutFate()
        /// For each job who is to be told, where single calls were gathered; nil once that was done.
        var callers: [Caller?] = []
        /// What carries it out, where single calls were gathered.
        var task: Task<Void, Never>?
        /// The connection each node's copies were written on.
        var generations: [Int: ConnectionGeneration] = [:]
        var nodeErrors: [Int: any Error] = [:]
        /// Copies whose answer came after their wait had ended, and before the decision.
        var storedLate: [FanOut.Put: BeanstalkJobID] = [:]
        var bodyTooLarge: Set<Int> = []

        init(_ jobs: [PreparedJob], plan: WritePlan, minimumWritten: Int) {
            self.jobs = jobs
            self.plan = plan
            self.fanOut = FanOut(jobCount: jobs.count, minimumWritten: minimumWritten, spares: plan.spares)
        }

        /// Copies planned for each job.
        var copies: [Int] { plan.copies }
    }

    private enum Event: Sendable {
        case answered(node: Int, BatchOutcome<BeanstalkReply>, [FanOut.Put])
        case graceOver
    }

    /// Writes jobs to the nodes, at most ``sliceSize``; a result per job, in order.
    func submit(_ jobs: [PreparedJob]) async -> [Result<Receipt, DelayQueueError>] {
        if jobs.isEmpty { return [] }
        do throws(DelayQueueError) {
            if Task.isCancelled { throw .cancelledUnwritten }
            try beginCall()
        } catch {
            return jobs.map { _ in .failure(error) }
        }
        defer { endCall() }

        var results = await finishedIDs(jobs).map { $0.map { Result<Receipt, DelayQueueError>.failure($0) } }
        let writable = jobs.indices.filter { results[$0] == nil }
        if !writable.isEmpty {
            let write = begin(writable.map { jobs[$0] })
            await carryOut(write)
            for (index, result) in zip(writable, await conclude(write)) { results[index] = result }
        }
        let answers = results.map { $0 ?? .failure(DelayQueueError(.closed, "the job was not written")) }
        metrics.record(answers, jobs: jobs)
        return answers
    }

    // MARK: Plan

    private func health(now: NIODeadline) -> [NodeChoice.Health] {
        connections.indices.map { node in
            let status = connections[node].assumeIsolated { $0.status }
            if let replies = slowNodes[node], replies != status.repliesReceived { slowNodes[node] = nil }
            let isUp =
                switch status.phase {
                case .closed: false
                case .idle(let retryAt): retryAt.map { $0 <= now } ?? true
                case .connecting, .ready: true
                }
            return NodeChoice.Health(
                isUp: isUp, isSlow: slowNodes[node] != nil,
                isBusy: status.unanswered > 0 || status.phase == .connecting)
        }
    }

    /// - Parameter sharingOneChoice: all jobs go to the same nodes.
    func begin(_ jobs: [PreparedJob], sharingOneChoice: Bool = false) -> Write {
        var generator = SystemRandomNumberGenerator()
        let plan = WritePlan(
            jobCount: jobs.count, health: health(now: .now()), copies: configuration.copies,
            minimumWritten: configuration.minimumWritten, isChoiceShared: sharingOneChoice, using: &generator)
        let write = Write(jobs, plan: plan, minimumWritten: configuration.minimumWritten)
        for (node, puts) in plan.puts { write.fanOut.sent(puts, node: node, isAwaited: !plan.probes.contains(node)) }
        return write
    }

    // MARK: Carry out

    /// Sends the puts, and returns once every job's fate is decided.
    func carryOut(_ write: Write) async {
        guard !write.plan.puts.isEmpty else { return }
        await withTaskGroup(of: Event.self) { group in
            for (node, puts) in write.plan.puts { add(puts, node: node, of: write, to: &group) }
            while let event = await group.next() {
                let actions: [FanOut.Action]
                switch event {
                case .answered(let node, let outcome, let puts):
                    actions = await record(outcome, of: puts, node: node, in: write)
                case .graceOver:
                    actions = write.fanOut.graceOver()
                }
                for action in actions {
                    switch action {
                    case .send(let puts, let node):
                        add(puts, node: node, of: write, to: &group)
                    case .startGrace:
                        group.addTask(executorPreference: loopExecutor) { [eventLoop, configuration] in
                            await eventLoop.wait(for: configuration.stragglerGrace)
                            return .graceOver
                        }
                    case .finish:
                        finish(write)
                        // The children still waiting leave tombstones in their connections; what they know by now
                        // is collected before the group ends.
                        group.cancelAll()
                    }
                }
            }
        }
        // Every child has ended and been recorded, so each copy that was stored after its wait had ended is known by now.
        write.storedLate.merge(write.fate.decide(accepted: write.fanOut.accepted ?? write.jobs.map { _ in false })) {
            a, _ in a
        }
        for (put, id) in write.storedLate { write.fanOut.storedLate(put, as: id) }
    }

    private func add(_ puts: [FanOut.Put], node: Int, of write: Write, to group: inout TaskGroup<Event>) {
        var bytes = ByteBuffer()
        bytes.reserveCapacity(puts.reduce(0) { $0 + write.jobs[$1.job].bodySize + 160 })
        let now = Timestamp.now()
        for put in puts {
            let job = write.jobs[put.job]
            // Checked when the job was prepared; the delay has only become shorter since.
            let delay = (try? PutDelay.seconds(until: job.fireTime, now: now)) ?? 0
            job.writePut(
                copy: put.copy, copies: job.declaredCopies(write.copies[put.job]), delay: delay, into: &bytes)
        }
        let batch = RequestBatch<BeanstalkReply>(
            bytes: bytes, count: puts.count, timeout: configuration.writeTimeout,
            whenAbandoned: { [fate = write.fate] index, reply in
                guard case .inserted(let id) = reply, fate.arrivedLate(puts[index], as: id) else { return nil }
                var farewell = ByteBuffer()
                BeanstalkCommand.delete(id).encode(into: &farewell)
                return farewell
            },
            accepts: { _, reply in reply.answersPut })
        group.addTask(executorPreference: loopExecutor) { [connection = connections[node]] in
            .answered(node: node, await connection.send(batch), puts)
        }
    }

    private func record(
        _ outcome: BatchOutcome<BeanstalkReply>, of puts: [FanOut.Put], node: Int, in write: Write
    ) async -> [FanOut.Action] {
        write.generations[node] = outcome.generation
        if let failure = outcome.failure {
            write.nodeErrors[node] = failure
            // A node that could not be reached is not waited for either when it is tried again.
            if failure.code == .timedOut || failure.code == .connectFailed { markSlow(node) }
        }
        var replies = PutReplies(outcome, count: puts.count)
        for position in replies.tooLarge { write.bodyTooLarge.insert(puts[position].job) }
        if let refusal = replies.refusal {
            write.nodeErrors[node] = BeanstalkError(refusal, address: nodes[node].address)
        }
        if !replies.buried.isEmpty {
            let ids = replies.buried.map(\.id)
            // Not to be cut short by the caller's cancellation: a task of its own, awaited right here.
            let deletes = await Task { [connection = connections[node], timeout = configuration.stragglerGrace] in
                await connection.execute(
                    ids.map { .delete($0) }, generation: outcome.generation, timeout: timeout)
            }.value
            replies.deleted(deletes.replies)
        }
        return write.fanOut.answered(node: node, replies.answers)
    }

    private func finish(_ write: Write) {
        let accepted = write.fanOut.accepted ?? []
        // A wait that was cut short says nothing about the node.
        if !Task.isCancelled { for node in write.fanOut.stragglers { markSlow(node) } }
        write.storedLate = write.fate.decide(accepted: accepted)
    }

    private func markSlow(_ node: Int) {
        slowNodes[node] = connections[node].assumeIsolated { $0.status.repliesReceived }
        logger.debug("node is slow", metadata: [LogKey.node: "\(nodes[node])"])
    }
}
