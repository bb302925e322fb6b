import Beanstalk
import DelayQueue
import NIOCore
import PipelinedTransport

/// One call of a producer: some jobs, written as `Producer` does it, by the same decisions.
final class ProducerCall {
    struct Entry {
        let job: PreparedJob
        let number: Int
    }

    /// Numbers the call in the judge's eyes.
    let number: Int
    let world: World
    let producer: SimulatedProducer
    /// What the caller asked for, and what is written of it: ids that are finished are not.
    let requested: [Entry]
    private(set) var written: [Entry]
    let tries: Int
    var copies: [Int] = []
    var fanOut = FanOut(jobCount: 0, minimumWritten: 2, spares: [])
    private let fate = PutFate()
    var generations = PerNode<ConnectionGeneration>()
    private var underway: [(request: NodeRequest, node: Int)] = []
    private var isGraceRunning = false
    /// Nodes whose answers are not in yet, or still being dealt with.
    private var open = 0
    var isConcluded = false

    init(_ entries: [Entry], number: Int, tries: Int, producer: SimulatedProducer) {
        self.requested = entries
        self.written = entries
        self.number = number
        self.tries = tries
        self.producer = producer
        self.world = producer.world
    }

    // MARK: Before the write

    func start() {
        for entry in requested { world.judge.scheduled(entry.number) }
        let own = requested.indices.filter { !requested[$0].job.hasFreshID }
        guard producer.hasLedger, !own.isEmpty else { return write() }
        producer.ask(own.map { request(.status, of: requested[$0]) }) { [self] results in
            var problems: [Int: DelayQueueError] = [:]
            for (index, result) in zip(own, results) {
                problems[index] = OwnID.problem(scheduling: requested[index].job.id, status: result)
            }
            written = requested.indices.filter { problems[$0] == nil }.map { requested[$0] }
            for index in own {
                guard let problem = problems[index] else { continue }
                if problem.code == .jobFinished {
                    world.judge.foundFinished(requested[index].number)
                } else {
                    retry(requested[index])
                }
            }
            write()
        }
    }

    private func write() {
        var generator = world.random
        let plan = WritePlan(
            jobCount: written.count, health: producer.health(), copies: world.options.copies, minimumWritten: 2,
            using: &generator)
        world.random = generator
        copies = plan.copies
        fanOut = FanOut(jobCount: written.count, minimumWritten: 2, spares: plan.spares)
        guard !plan.puts.isEmpty else { return conclude() }
        let puts = plan.puts.sorted { $0.node < $1.node }
        for (node, puts) in puts { fanOut.sent(puts, node: node, isAwaited: !plan.probes.contains(node)) }
        for (node, puts) in puts { send(puts, to: node) }
    }

    // MARK: The write

    private func send(_ puts: [FanOut.Put], to node: Int) {
        let now = producer.moment.wall
        let commands = puts.map { put -> NodeRequest.Command in
            let entry = written[put.job]
            let declared = entry.job.declaredCopies(copies[put.job])
            let delay = (try? PutDelay.seconds(until: entry.job.fireTime, now: now)) ?? 0
            return .put(
                entry.job.bytes(copy: put.copy, copies: declared), priority: entry.job.priority, delay: delay,
                timeToRun: entry.job.timeToRun,
                SimulatedNode.Origin(job: entry.number, call: number, copy: declared > 0 ? put.copy : nil))
        }
        let request = NodeRequest(
            commands, sentAt: world.now,
            whenAbandoned: { [self] index, reply in
                guard case .inserted(let id) = reply, fate.arrivedLate(puts[index], as: id) else { return nil }
                return .delete(id, .refusal(call: number))
            },
            then: { [self] outcome in record(outcome, of: puts, node: node) })
        open += 1
        underway.append((request, node))
        producer.send(request, to: node)
    }

    private func record(_ outcome: BatchOutcome<BeanstalkReply>, of puts: [FanOut.Put], node: Int) {
        generations[node] = outcome.generation
        if let code = outcome.failure?.code, code == .timedOut || code == .connectFailed {
            producer.links[node].isSlow = true
        }
        var replies = PutReplies(outcome, count: puts.count)
        guard !replies.buried.isEmpty else { return answered(node, replies.answers) }
        let deletes = replies.buried.map { NodeRequest.Command.delete($0.id, .failedPut(call: number)) }
        producer.send(
            NodeRequest(deletes, generation: outcome.generation, sentAt: world.now) { [self] outcome in
                replies.deleted(outcome.replies)
                answered(node, replies.answers)
            }, to: node)
    }

    private func answered(_ node: Int, _ answers: [FanOut.Answer]) {
        open -= 1
        carryOut(fanOut.answered(node: node, answers))
        concludeIfOver()
    }

    private func carryOut(_ actions: [FanOut.Action]) {
        for action in actions {
            switch action {
            case .send(let puts, let node): send(puts, to: node)
            case .startGrace:
                isGraceRunning = true
                world.after(SimulatedProducer.stragglerGrace) { [self] in producer.act { [self] in endGrace() } }
            case .finish: finish()
            }
        }
    }

    private func endGrace() {
        guard isGraceRunning else { return }
        isGraceRunning = false
        carryOut(fanOut.graceOver())
        concludeIfOver()
    }

    private func finish() {
        for node in fanOut.stragglers { producer.links[node].isSlow = true }
        isGraceRunning = false
        for (put, id) in fate.decide(accepted: fanOut.accepted ?? []) { fanOut.storedLate(put, as: id) }
        for (request, node) in underway { producer.abandon(request, node: node) }
    }

    /// The caller's task is cancelled.
    func cancel() {
        guard producer.isAlive, !isConcluded, !underway.isEmpty, fanOut.accepted == nil else { return }
        world.count(.callCancelled)
        world.note("call \(number) is cancelled")
        for (request, node) in underway { producer.abandon(request, node: node) }
        endGrace()
    }

    private func concludeIfOver() {
        if open == 0, fanOut.accepted != nil { conclude() }
    }
}

extension PreparedJob {
    func bytes(copy: Int, copies: Int) -> ByteBuffer {
        switch record {
        case .native(let template):
            var bytes = ByteBuffer()
            template.write(copy: copy, copies: copies, into: &bytes)
            return bytes
        case .goQueue(let bytes): return bytes
        }
    }
}
