import Beanstalk
import DelayQueue
import NIOCore
import PipelinedTransport

/// A producer process: a real ``ProducerCore`` with simulated connections to the nodes and callers that lose patience.
final class SimulatedProducer: SimulatedProcess {
    /// One call, as its caller has it.
    struct Call {
        let jobs: [ScheduledJob]
        let tries: Int
    }

    /// What callers have told since the last turn.
    private enum Message {
        case call(ProducerCore.CallID)
        case cancel(ProducerCore.CallID)
        case revoke(ProducerCore.CallID)
        case revokeID(ProducerCore.CallID)
    }

    var core: ProducerCore
    var links: [Link]
    private var inbox: [Message] = []
    private var isTurnScheduled = false
    private var calls: [ProducerCore.CallID: Call] = [:]
    private var revocations: [ProducerCore.CallID: (receipt: Receipt, job: Int)] = [:]
    private var idRevocations: [ProducerCore.CallID: JobID] = [:]
    private var lastCall: ProducerCore.CallID = 0
    /// The write that each job was put by last, as the judge knows it.
    private var writers: [Int: Int] = [:]
    /// The jobs that calls took back; their deletes may be carried out after their end.
    private var revokedJobs: [ProducerCore.CallID: Int] = [:]
    /// The writes after which each job's caller was told that it is refused.
    private var refusals: [Int: Set<Int>] = [:]
    private var nextTick: Int64?
    private var isClosing = false
    /// The time to close is over: nothing is waited for any more.
    private(set) var isCutShort = false

    init(world: World) {
        var configuration = ProducerConfiguration()
        configuration.copies = world.options.copies
        configuration.copyMode = world.options.copyMode
        configuration.timing = WorldOptions.timing
        core = ProducerCore(
            nodes: world.addresses, queue: .default, configuration: configuration,
            hasLedger: world.options.producerHasLedger)
        links = world.nodes.map { _ in Link() }
        super.init(world: world)
        host = world.producerHost
        isAlive = true
    }

    var hasLedger: Bool { world.options.producerHasLedger }

    /// Nothing it sent waits for an answer, and it waits for nothing.
    var isQuiet: Bool { links.allSatisfy(\.outstanding.isEmpty) && core.isIdle }

    // MARK: Callers

    /// - Returns: the call's name, to cancel it by.
    func call(_ jobs: [ScheduledJob], tries: Int) -> ProducerCore.CallID {
        lastCall += 1
        calls[lastCall] = Call(jobs: jobs, tries: tries)
        for job in jobs { world.judge.scheduled(job.number) }
        post(.call(lastCall))
        return lastCall
    }

    func cancel(_ call: ProducerCore.CallID) {
        guard isAlive, calls[call] != nil else { return }
        world.count(.callCancelled)
        world.note("call \(call) is cancelled")
        post(.cancel(call))
    }

    /// Takes an accepted job back.
    func revoke(_ receipt: Receipt, job: Int) {
        lastCall += 1
        revocations[lastCall] = (receipt, job)
        revokedJobs[lastCall] = job
        world.note("job \(job) is to be revoked")
        world.judge.willRevoke(job)
        // Without a ledger's word, or with half of the copies gone, nothing can be asked any more but that it is not
        // run where the answer says so.
        if !hasLedger { world.judge.revoked(job, nil) }
        post(.revoke(lastCall))
    }

    /// Takes back whatever an id means.
    func revoke(_ id: JobID) {
        lastCall += 1
        idRevocations[lastCall] = id
        world.note("\(id) is to be revoked")
        post(.revokeID(lastCall))
    }

    private func post(_ message: Message) {
        inbox.append(message)
        if isTurnScheduled { return }
        isTurnScheduled = true
        world.after(1) { [self] in
            act { [self] in
                isTurnScheduled = false
                takeMessages()
                flush()
            }
        }
    }

    private func takeMessages() {
        // The first callers wait for the time.
        guard core.settleTime(now: moment) else { return }
        let messages = inbox
        inbox = []
        if messages.count > 1 { world.count(.gathering) }
        for message in messages {
            switch message {
            case .call(let id): core.call(id, calls[id]?.jobs.map(\.job) ?? [])
            case .cancel(let id): core.cancel(id, now: moment)
            case .revokeID(let id): if let jobID = idRevocations[id] { core.revoke(id, jobID) }
            case .revoke(let id): if let (receipt, _) = revocations[id] { core.revoke(id, receipt) }
            }
        }
    }

    // MARK: Life

    /// Nobody learns what became of the calls under way; what they had written stays.
    func crash(for duration: Int64) {
        guard isAlive else { return }
        world.count(.producerCrash)
        world.note("producer crashes")
        end()
        // What it had done of a revocation nobody knows.
        for (_, job) in revocations.values where hasLedger { world.judge.revoked(job, nil) }
        let lost = calls.sorted { $0.key < $1.key }.map(\.value)
        for id in idRevocations.values { world.judge.revokedID(id, nil) }
        world.callsUnderway -= lost.count + revocations.count + idRevocations.count
        world.after(duration) { [self] in
            world.producer = SimulatedProducer(world: world)
            for call in lost { wasLost(call) }
        }
    }

    /// A deployment: the calls under way may end until the limit, then another process takes the place.
    func close(within limit: Int64) {
        guard isAlive, !isClosing else { return }
        world.count(.producerClose)
        world.note("producer closes within \(limit)")
        isClosing = true
        act { [self] in
            core.close()
            flush()
        }
        world.after(limit) { [self] in act { [self] in cutShort() } }
    }

    private func cutShort() {
        isCutShort = true
        for node in links.indices {
            for request in links[node].outstanding { abandon(request, node: node, as: .cancelled) }
        }
        endAsking()
    }

    private func end() {
        for node in links.indices { drop(node) }
        isAlive = false
    }

    private func endClosing() {
        world.note("producer has closed")
        end()
        world.after(100_000) { [world] in world.producer = SimulatedProducer(world: world) }
    }

    // MARK: Turns

    func flush() {
        guard isAlive else { return }
        if core.hasGathered {
            var random = world.random
            core.write(health: links.map { $0.health(now: world.now) }, now: moment, using: &random)
            world.random = random
        }
        for action in core.takeActions() { perform(action) }
        scheduleTick()
        if isClosing, core.isIdle, inbox.isEmpty { endClosing() }
    }

    private func scheduleTick() {
        guard let next = core.nextTick() else { return }
        let at = max(next.microseconds, world.now) + 1
        if let nextTick, nextTick <= at, nextTick > world.now { return }
        nextTick = at
        world.after(at - world.now) { [self] in
            guard nextTick == at else { return }
            act { [self] in
                nextTick = nil
                core.tick(now: moment)
                flush()
            }
        }
    }

    private func perform(_ action: ProducerCore.Action) {
        switch action {
        case .send(let commands):
            for commands in commands {
                noteWriters(commands)
                send(NodeRequest(commands), to: commands.node)
            }
        case .stopWaiting(let write):
            for node in links.indices {
                for request in links[node].outstanding where request.commands.write == write {
                    abandon(request, node: node, as: .cancelled)
                }
            }
        case .ask(let requests, let question):
            let sentAt = moment
            ask(requests) { [self] results in
                core.ledgerAnswered(question, results, sentAt: sentAt, now: moment)
                flush()
            }
            if isCutShort { endAsking() }
        case .answer(let id, let results):
            guard let call = calls.removeValue(forKey: id) else {
                return world.judge.fail("call \(id) was answered twice")
            }
            world.callsUnderway -= 1
            for (job, result) in zip(call.jobs, results) { answered(job, result, of: call) }
        case .answerRevocation(let id, let outcome):
            if let jobID = idRevocations.removeValue(forKey: id) {
                world.callsUnderway -= 1
                world.note("revocation of \(jobID): \(outcome)")
                world.judge.revokedID(jobID, try? outcome.get())
                return
            }
            guard let (receipt, job) = revocations.removeValue(forKey: id) else {
                return world.judge.fail("revocation \(id) was answered twice")
            }
            world.callsUnderway -= 1
            world.note("revocation of job \(job): \(outcome)")
            switch outcome {
            // Of an own id other calls may have written copies that this receipt does not know.
            case .success(let outcome): if hasLedger || !receipt.hasOwnID { world.judge.revoked(job, outcome) }
            // It may be marked or not.
            case .failure: world.judge.revoked(job, nil)
            }
        case .timeIsSettled:
            world.after(1) { [self] in
                act { [self] in
                    takeMessages()
                    flush()
                }
            }
        case .nodeIsSlow, .clocks:
            break
        case .leadsLost(let count, let node):
            world.count(.leadLost)
            world.note("\(count) leads are lost on node \(node)")
        }
    }

    // MARK: Answers

    private func answered(_ job: ScheduledJob, _ result: Result<Receipt, DelayQueueError>, of call: Call) {
        switch result {
        case .success(let receipt) where receipt.wasScheduledBefore:
            world.note("job \(job.number) had been scheduled before")
            world.count(.idSame)
            guard let other = world.jobNumbers[receipt.ledgerKey] else {
                return world.judge.fail("\(receipt.ledgerKey) was said to be scheduled, and nobody had done that")
            }
            world.judge.foundScheduled(other, now: world.now)
            world.judge.refused(job.number, .none, isMarked: true)
        case .success(let receipt):
            world.note("job \(job.number) is accepted")
            world.judge.accepted(job.number, by: writers[job.number] ?? 0, now: world.now)
            world.accepted(receipt, job: job.number)
        case .failure(let error) where error.code == .jobFinished:
            world.judge.foundFinished(job.number)
        case .failure(let error) where error.code == .idTaken:
            world.note("job \(job.number) is refused: \(error)")
            world.count(.idRefused)
            world.judge.refused(job.number, error.sequel, isMarked: true)
        case .failure(let error):
            if job.number == world.mustBeAccepted, error.code != .closed {
                world.judge.fail("job-\(job.number) was refused with all well: \(error)")
            }
            world.note("job \(job.number) is refused as \(error.code), \(error.sequel)")
            world.judge.refused(
                job.number, error.sequel,
                isMarked: hasLedger && (job.job.hasFreshID || job.job.registration != nil))
            // What the ledger may have confirmed stays.
            let isUnconfirmed = job.job.registration != nil && error.code == .ledgerUnavailable && error.mayStillFire
            if let write = writers[job.number], !isUnconfirmed { refusals[job.number, default: []].insert(write) }
            retry(job, of: call)
        }
    }

    /// A caller with an id of its own asks again, until the job is accepted.
    private func retry(_ job: ScheduledJob, of call: Call) {
        guard job.job.isOwnID, call.tries < 20 else { return }
        let wait = 100_000 + world.random.time(3_000_000)
        world.callersWaiting += 1
        world.after(wait) { [world] in
            world.callersWaiting -= 1
            let again = job.job.registration == nil ? job : world.rewritten(job)
            world.call([again], tries: call.tries + 1)
        }
    }

    /// The process died with the call under way.
    private func wasLost(_ call: Call) {
        for job in call.jobs {
            world.judge.lostCall(job.number)
            if !world.judge.jobs[job.number].isAccepted { retry(job, of: call) }
        }
    }

    // MARK: What only the judge knows

    /// Writes of all processes have names of their own.
    func judged(_ write: ProducerCore.WriteID) -> Int { identity << 24 | Int(write) }

    private func noteWriters(_ commands: NodeCommands) {
        guard case .write(let write) = commands.purpose, case .put(let puts, _) = commands.kind else { return }
        for put in puts { if let job = world.number(of: put.job) { writers[job] = judged(write) } }
    }

    /// The core keeps a copy that was stored late.
    func keeps(_ put: NodeCommands.Put, of write: ProducerCore.WriteID) {
        // About an edition the ledger decides.
        guard put.job.registration == nil, let job = world.number(of: put.job),
            refusals[job]?.contains(judged(write)) == true
        else { return }
        world.judge.fail("a copy of \(world.judge.jobs[job].name) that was stored late was kept, though it is refused")
    }

    func deleter(of purpose: NodeCommands.Purpose) -> Judge.Deleter {
        switch purpose {
        case .write(let write): .refusal(call: judged(write))
        case .withdrawal(_, of: let write): .refusal(call: write.map { judged($0) })
        case .clearing(let write, _, _): .failedPut(call: judged(write))
        case .revocation(_, of: let call): .revocation(job: revokedJobs[call] ?? 0, isMarked: hasLedger)
        case .sizeLimit: .refusal(call: 0)
        }
    }
}
