import Beanstalk
import Logging
import NIOCore
import PipelinedTransport

extension Producer {
    /// A batch on its way: the decision, and what the answers said beside it.
    struct Write {
        let jobs: [PreparedJob]
        /// Copies planned for each job.
        var copies: [Int]
        var fanOut: FanOut
        let fate = PutFate()
        /// The connection each node's copies were written on.
        var generations: [Int: ConnectionGeneration] = [:]
        var nodeErrors: [Int: any Error] = [:]
        /// Copies whose answer came after their wait had ended, and before the decision.
        var storedLate: [FanOut.Put: BeanstalkJobID] = [:]
        var bodyTooLarge: Set<Int> = []
        /// Nodes that are in backoff or have not answered: no copy was planned for them.
        var unplanned: [Int] = []
    }

    private enum Event: Sendable {
        case answered(node: Int, BatchOutcome<BeanstalkReply>, [FanOut.Put])
        case graceOver
    }

    /// Writes jobs to the nodes; a result per job, in order.
    func submit(_ jobs: [PreparedJob]) async -> [Result<Receipt, DelayQueueError>] {
        if jobs.isEmpty { return [] }
        do throws(DelayQueueError) {
            if Task.isCancelled { throw DelayQueueError(.cancelled, "the task was cancelled; nothing was written") }
            try beginCall()
        } catch {
            return jobs.map { _ in .failure(error) }
        }
        defer { endCall() }

        var results = await finishedIDs(jobs).map { $0.map { Result<Receipt, DelayQueueError>.failure($0) } }
        var writable = jobs.indices.filter { results[$0] == nil }[...]
        while !writable.isEmpty {
            let chunk = writable.prefix(Self.largestWrite)
            writable = writable.dropFirst(chunk.count)
            let write = await fanOut(chunk.map { jobs[$0] })
            for (index, result) in zip(chunk, await conclude(write)) { results[index] = result }
        }
        let answers = results.map { $0 ?? .failure(DelayQueueError(.closed, "the job was not written")) }
        metrics.record(answers, jobs: jobs)
        return answers
    }

    /// The most jobs written in one go: enough that a round trip is nothing, few enough that they take much less time
    /// than ``ProducerConfiguration/writeTimeout``.
    private static let largestWrite = 4096

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

    /// - Returns: the puts for each node, and whether it is waited for.
    private func plan(_ jobs: [PreparedJob]) -> (write: Write, puts: [Int: [FanOut.Put]], probes: Set<Int>) {
        let health = health(now: .now())
        var generator = SystemRandomNumberGenerator()
        func choose() -> NodeChoice {
            NodeChoice(
                health: health, copies: configuration.copies, minimumWritten: configuration.minimumWritten,
                using: &generator)
        }
        // With no more nodes than copies every choice is the same.
        let first = choose()
        let isFixed = nodes.count <= configuration.copies
        var copies: [Int] = []
        copies.reserveCapacity(jobs.count)
        var puts: [Int: [FanOut.Put]] = [:]
        var probes: Set<Int> = []
        for job in jobs.indices {
            let choice = isFixed || job == 0 ? first : choose()
            guard choice.copies >= configuration.minimumWritten else {
                copies.append(0)
                continue
            }
            copies.append(choice.copies)
            probes.formUnion(choice.probes)
            for (copy, node) in (choice.awaited + choice.probes).enumerated() {
                puts[node, default: []].append(FanOut.Put(job: job, copy: copy))
            }
        }
        let write = Write(
            jobs: jobs, copies: copies,
            fanOut: FanOut(
                jobCount: jobs.count, minimumWritten: configuration.minimumWritten, spares: first.spares),
            unplanned: health.indices.filter { !health[$0].isUp || (health[$0].isSlow && health[$0].isBusy) })
        return (write, puts, probes)
    }

    // MARK: Carry out

    private func fanOut(_ jobs: [PreparedJob]) async -> Write {
        var (write, puts, probes) = plan(jobs)
        guard !puts.isEmpty else { return write }
        await withTaskGroup(of: Event.self) { group in
            for (node, puts) in puts {
                write.fanOut.sent(puts, node: node, isAwaited: !probes.contains(node))
            }
            for (node, puts) in puts { add(puts, node: node, of: write, to: &group) }
            while let event = await group.next() {
                let actions: [FanOut.Action]
                switch event {
                case .answered(let node, let outcome, let puts):
                    actions = await record(outcome, of: puts, node: node, in: &write)
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
                        finish(&write)
                        // The children still waiting leave tombstones in their connections; what they know by now
                        // is collected before the group ends.
                        group.cancelAll()
                    }
                }
            }
        }
        // Every child has ended and been recorded, so each copy that was stored after its wait had ended is known by now.
        write.storedLate.merge(write.fate.decide(accepted: write.fanOut.accepted ?? jobs.map { _ in false })) { a, _ in
            a
        }
        for (put, id) in write.storedLate { write.fanOut.storedLate(put, as: id) }
        return write
    }

    private func add(_ puts: [FanOut.Put], node: Int, of write: Write, to group: inout TaskGroup<Event>) {
        var bytes = ByteBuffer()
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
            })
        group.addTask(executorPreference: loopExecutor) { [connection = connections[node]] in
            .answered(node: node, await connection.send(batch), puts)
        }
    }

    private func record(
        _ outcome: BatchOutcome<BeanstalkReply>, of puts: [FanOut.Put], node: Int, in write: inout Write
    ) async -> [FanOut.Action] {
        write.generations[node] = outcome.generation
        if let failure = outcome.failure {
            write.nodeErrors[node] = failure
            // A node that could not be reached is not waited for either when it is tried again.
            if failure.code == .timedOut || failure.code == .connectFailed { markSlow(node) }
        }
        var answers: [FanOut.Answer] = []
        answers.reserveCapacity(puts.count)
        var buried: [(position: Int, id: BeanstalkJobID)] = []
        for (index, put) in puts.enumerated() {
            guard index < outcome.replies.count else {
                let isUnknown = outcome.failure?.mayHaveBeenSent ?? true
                answers.append(isUnknown ? .unknown : .refused(isNodesFault: true))
                continue
            }
            let reply = outcome.replies[index]
            switch reply {
            case .inserted(let id):
                answers.append(.stored(id))
                continue
            case .buried(let id):
                // The node kept the job but cannot queue it (out of memory): to be deleted.
                if let id { buried.append((answers.count, id)) }
                answers.append(.unknown)
            case .draining, .outOfMemory:
                answers.append(.refused(isNodesFault: true))
            case .jobTooBig:
                write.bodyTooLarge.insert(put.job)
                answers.append(.refused(isNodesFault: false))
            default:
                answers.append(.unknown)
            }
            write.nodeErrors[node] = BeanstalkError(reply, address: nodes[node].address)
        }
        if !buried.isEmpty {
            let ids = buried.map(\.id)
            // Not to be cut short by the caller's cancellation: a task of its own, awaited right here.
            let deletes = await Task { [connection = connections[node], timeout = configuration.stragglerGrace] in
                await connection.execute(
                    ids.map { .delete($0) }, generation: outcome.generation, timeout: timeout)
            }.value
            // Only a copy that is certainly gone gives its index to a spare.
            for (index, reply) in deletes.replies.enumerated() where reply == .deleted {
                answers[buried[index].position] = .refused(isNodesFault: true)
            }
        }
        return write.fanOut.answered(node: node, answers)
    }

    private func finish(_ write: inout Write) {
        let accepted = write.fanOut.accepted ?? []
        for node in write.fanOut.stragglers { markSlow(node) }
        write.storedLate = write.fate.decide(accepted: accepted)
    }

    private func markSlow(_ node: Int) {
        slowNodes[node] = connections[node].assumeIsolated { $0.status.repliesReceived }
        logger.debug("node is slow", metadata: [LogKey.node: "\(nodes[node])"])
    }
}
