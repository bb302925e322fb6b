import Beanstalk
import DelayQueue

/// What a person does at any moment, who trusts nothing but the ledger.
extension World {
    /// Buried copies, which are of jobs later than records last, shall run.
    func kickAll() {
        for gate in gates where gate.server.isUp {
            for job in gate.server.kickAll() { judge.kicked(job) }
            gate.serve()
        }
    }

    /// Every dead job shall run, and what the ledger knows of its copies is brought forward.
    func replayAll() {
        guard ledger.isUp, !ledger.isHung else { return }
        for (key, job, report) in ledger.deadJobs {
            count(.replay)
            note("an operator replays job \(job)")
            let owner = ClaimOwner(unchecked: "operator.\(makeConnection())")
            perform(.replay(owner), on: key, job: job)
            // Where the operator's process dies now, the copies ask by themselves.
            if random.chance(4) { continue }
            for copy in report.copies { bringForward(copy, of: key) }
        }
    }

    /// One dead job shall not run.
    func drop(_ which: Int) {
        guard ledger.isUp, !ledger.isHung, !ledger.deadJobs.isEmpty else { return }
        let (key, job, report) = ledger.deadJobs[which % ledger.deadJobs.count]
        count(.drop)
        note("an operator drops job \(job)")
        judge.willRevoke(job)
        let reply = perform(.revoke(fireDate: Timestamp(microseconds: now).date, copies: 1), on: key, job: job)
        if reply == .revoked { judge.revoked(job, .revoked) }
        for copy in report.copies { bringForward(copy, of: key) }
    }

    /// The queue is paused, with an end or until it is resumed; and what a person forgets who is killed meanwhile, others
    /// see to when all is well.
    func pauseQueue(for duration: Int64, isEndless: Bool) {
        count(.queuePause)
        let end = isEndless ? nil : Duration.microseconds(max(duration, 1))
        askOperator(.pause(for: end, by: "operator", why: "chance"))
        guard isEndless else { return }
        if random.chance(4) {
            count(.operatorKilled)
            return
        }
        after(duration) { [unowned self] in resumeQueue() }
    }

    func resumeQueue() {
        count(.queueResume)
        askOperator(.resume)
    }

    /// By a process of its own: what it asks may come late, or never. While the ledger is away it gives up.
    private func askOperator(_ operation: BoardOperation) {
        after(latency()) { [unowned self] in
            guard ledger.isUp, !ledger.isHung else { return }
            let reply = ledger.perform(operation, now: now, judge: &judge)
            note("an operator: \(operation): \(reply)")
        }
    }

    @discardableResult
    private func perform(_ operation: LedgerRequest.Operation, on key: LedgerKey, job: Int) -> LedgerReply {
        let request = LedgerRequest(key: key, operation: operation, timing: WorldOptions.timing)
        return ledger.perform(request, job: job, now: now, judge: &judge)
    }
}

extension World {
    /// Over a connection of the operator's own, which may break between the two steps.
    private func bringForward(_ copy: StoredCopy, of key: LedgerKey) {
        guard let node = addresses.firstIndex(where: { $0.address == copy.address }) else { return }
        let advance = CopyAdvance(copy.id, of: key, queue: .default, on: addresses[node])
        let connection = makeConnection()
        let deaths = nodes[node].deaths
        after(latency()) { [unowned self] in
            guard nodes[node].isUp, !nodes[node].isHung, nodes[node].deaths == deaths else { return }
            let looks = advance.look.map { perform($0, on: nodes[node], connection: connection) }
            let commands = advance.commands(after: looks)
            after(latency()) { [unowned self] in
                guard nodes[node].isUp, !nodes[node].isHung, nodes[node].deaths == deaths else { return }
                let replies = commands.map { perform($0, on: nodes[node], connection: connection) }
                note("copy \(copy.id) on node \(node) brought forward: \(advance.outcome(of: replies))")
                gates[node].serve()
            }
        }
    }

    func perform(_ command: BeanstalkCommand, on server: SimulatedNode, connection: Int) -> BeanstalkReply {
        switch command {
        case .peek(let id): server.find(id).map { .found(id, $0.bytes) } ?? .notFound
        case .use(let tube): .using(tube)
        case .statsJob(let id):
            server.statistics(of: id, now: now)
        case .reserveJob(let id): server.reserve(id, by: connection, now: now)
        case .release(let id, let priority, let delay):
            server.release(id, priority: priority, delay: Int64(delay) * 1_000_000, by: connection, now: now)
        default: .unknownCommand
        }
    }
}
