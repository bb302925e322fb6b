import Beanstalk
import DelayQueue

/// An operator who writes missing copies again, looking at one node after the other, and whose process may die at every
/// step.
extension World {
    /// Calls last for shorter than this here, in seconds.
    private static let minimumAge = 15

    /// - Parameter which: of all nodes one that is to be taken away, every other time.
    func repair(_ which: Int) {
        // Without a ledger receipts are all that takes jobs back, and they name no copies but the first.
        guard options.producerHasLedger else { return }
        count(.repair)
        var excluded = Set(nodes.indices.filter { !isReached($0) })
        if which % 2 == 0 { excluded.insert(which / 2 % nodes.count) }
        note("an operator looks for missing copies, \(excluded.sorted()) left out")
        look(
            at: 0,
            JobCensus(nodes: nodes.count, excluding: excluded, plannedCopies: options.copies))
    }

    private func isReached(_ node: Int) -> Bool { nodes[node].isUp && !nodes[node].isHung }

    private func look(at node: Int, _ census: JobCensus) {
        var census = census
        guard node < nodes.count else {
            for entry in census.incomplete {
                for addition in census.additions(to: entry, on: Set(nodes.indices)) { ask(addition) }
            }
            return
        }
        if isReached(node) {
            for job in nodes[node].jobs {
                census.add(JobRecord(parsing: job.bytes), BeanstalkJobID(job.id), on: node, queue: .default)
            }
        }
        after(latency()) { [unowned self] in look(at: node + 1, census) }
    }

    private func ask(_ addition: CopyAddition) {
        after(latency()) { [unowned self] in
            guard ledger.isUp, !ledger.isHung, let job = jobNumbers[addition.key] ?? ledger.number(of: addition.key)
            else { return }
            let owner = ClaimOwner(unchecked: "operator.\(makeConnection())")
            let request = addition.question(owner, timing: WorldOptions.timing)
            let reply = ledger.perform(request, job: job, now: now, judge: &judge)
            guard addition.isWanted(after: reply), !random.chance(8) else { return }
            after(latency()) { [unowned self] in look(addition, job) }
        }
    }

    private func look(_ addition: CopyAddition, _ job: Int) {
        let source = addition.source.node
        guard isReached(source) else { return }
        let replies = addition.look.map { perform($0, on: nodes[source], connection: 0) }
        after(latency()) { [unowned self] in put(addition, after: replies, job) }
    }

    private func put(_ addition: CopyAddition, after replies: [BeanstalkReply], _ job: Int) {
        guard isReached(addition.target), !random.chance(8) else { return }
        let target = nodes[addition.target]
        let node = addresses[addition.target]
        let commands = addition.commands(
            after: replies, on: node, seals: SealPolicy(), queue: .default,
            now: Timestamp(microseconds: now), minimumAge: Self.minimumAge)
        guard commands.count == 2, case .use(let tube) = commands[0], let place = node.copyTube(named: tube),
            case .put(let bytes, let priority, let delay, let timeToRun) = commands[1]
        else { return }
        let reply = target.put(
            bytes, into: place, priority: priority, delay: Int64(delay) * 1_000_000,
            timeToRun: Int64(timeToRun) * 1_000_000, origin: SimulatedNode.Origin(job: job, call: -1), now: now)
        count(.copyAdded)
        judge.added(job)
        note("an operator adds a copy of job \(job) on node \(addition.target): \(reply)")
        gates[addition.target].serve()
    }
}
