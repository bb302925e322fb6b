import Beanstalk
import Logging
import NIOCore
import PipelinedTransport

extension Producer {
    private enum Event: Sendable {
        case answered(node: Int, BatchOutcome<BeanstalkReply>, [FanOut.Put])
        case graceOver
    }

    /// Writes jobs to the nodes, as many as ``SliceFill`` allows; a result per job, in order.
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
        metrics.record(answers)
        return answers
    }

    // MARK: Plan

    private func health(of node: Int, _ status: ConnectionStatus, now: NIODeadline) -> NodeChoice.Health {
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

    /// - Parameter sharingOneChoice: all jobs go to the same nodes.
    func begin(_ jobs: [PreparedJob], sharingOneChoice: Bool = false) -> Write {
        let now = NIODeadline.now()
        var health: [NodeChoice.Health] = []
        health.reserveCapacity(connections.count)
        // A loop: a closure of an actor checks its executor each time it is called.
        for (node, connection) in connections.enumerated() {
            health.append(self.health(of: node, connection.onLoop.status, now: now))
        }
        var generator = RandomBits()
        let plan = WritePlan(
            jobCount: jobs.count, health: health, copies: configuration.copies,
            minimumWritten: configuration.minimumWritten, isChoiceShared: sharingOneChoice, using: &generator)
        lastWrite += 1
        let write = Write(lastWrite, jobs, plan: plan, minimumWritten: configuration.minimumWritten)
        for (node, puts) in plan.puts {
            write.fanOut.sent(puts, node: node, isAwaited: !plan.probes.contains(node))
            if !connections[node].onLoop.isReady { write.isConnected = false }
        }
        return write
    }

    // MARK: Carry out

    /// Sends the puts, unless they were posted, and returns once every job's fate is decided.
    func carryOut(_ write: Write) async {
        guard !write.plan.puts.isEmpty, write.fanOut.accepted == nil else { return }
        await withTaskGroup(of: Event.self) { group in
            if write.posted.isEmpty {
                for (node, puts) in write.plan.puts { add(puts, node: node, of: write, to: &group) }
            } else {
                for node in write.posted.nodes { addPosted(node, of: write, to: &group) }
                if let end = write.graceEnd { addGrace(max(end - .now(), .zero), to: &group) }
            }
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
                        addGrace(TimeAmount(configuration.stragglerGrace), to: &group)
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
        let batch = batch(of: puts, in: write)
        group.addTask(executorPreference: loopExecutor) { [connection = connections[node]] in
            .answered(node: node, await connection.send(batch), puts)
        }
    }

    private func addPosted(_ node: Int, of write: Write, to group: inout TaskGroup<Event>) {
        guard let puts = write.plan.puts[node] else { return }
        group.addTask(executorPreference: loopExecutor) { [number = write.number] in
            .answered(node: node, await self.outcomeOfPosted(on: node, in: number), puts)
        }
    }

    private func addGrace(_ time: TimeAmount, to group: inout TaskGroup<Event>) {
        group.addTask(executorPreference: loopExecutor) { [eventLoop] in
            await eventLoop.wait(for: .nanoseconds(time.nanoseconds))
            return .graceOver
        }
    }

    func batch(of puts: [FanOut.Put], in write: Write) -> RequestBatch<BeanstalkReply> {
        var size = 0
        for put in puts { size += write.jobs[put.job].recordSize + LineWriter.maximumLength }
        var bytes = ByteBufferAllocator().buffer(capacity: size)
        let now = Timestamp.now()
        for put in puts {
            let job = write.jobs[put.job]
            // Checked when the job was prepared; the delay has only become shorter since.
            let delay = (try? PutDelay.seconds(until: job.fireTime, now: now)) ?? 0
            job.writePut(
                copy: put.copy, copies: job.declaredCopies(write.copies[put.job]), delay: delay, into: &bytes)
        }
        return RequestBatch(
            bytes: bytes, count: puts.count, timeout: configuration.writeTimeout,
            whenAbandoned: { [fate = write.fate] index, reply in
                guard case .inserted(let id) = reply, fate.arrivedLate(puts[index], as: id) else { return nil }
                var farewell = ByteBuffer()
                BeanstalkCommand.delete(id).encode(into: &farewell)
                return farewell
            },
            accepts: { _, reply in reply.answersPut })
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
        slowNodes[node] = connections[node].onLoop.status.repliesReceived
        logger.debug("node is slow", metadata: [LogKey.node: "\(nodes[node])"])
    }
}
