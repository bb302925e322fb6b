import Beanstalk
import NIOCore
import PipelinedTransport

@testable import DelayQueue

/// One consumer process: a real ``ConsumerCore`` with simulated I/O and an application that takes its jobs.
final class SimulatedConsumer {
    let index: Int
    private unowned let world: Simulation
    private var core: ConsumerCore
    private var isAlive = false
    /// A paused process notices nothing until it goes on; what arrives meanwhile waits.
    private var pausedUntil: Int64 = 0
    private var connections: [Int?]
    private var isSending: [Bool]
    private var generations: [UInt64]
    private var isAsking = 0
    private var nextTick: Int64?
    /// Attempts the application has under way, by job.
    private(set) var runs: [LedgerKey: Set<Int>] = [:]
    private var held: [HeldJobID: (key: LedgerKey, attempt: Int)] = [:]

    init(index: Int, world: Simulation) {
        self.index = index
        self.world = world
        let addresses = world.nodes.indices.map {
            BeanstalkNode(address: .hostname("node", port: 11300 + $0), tube: .default)
        }
        var settings = ConsumerCore.Settings(
            queue: .default, nodes: addresses, lease: world.options.lease, maximumFailures: 4,
            settleTimeout: .seconds(20), ownerPrefix: "c\(index)-\(world.makeConnection()).")
        settings.idleBlock = 20
        core = ConsumerCore(settings: settings)
        connections = world.nodes.map { _ in nil }
        isSending = world.nodes.map { _ in false }
        generations = world.nodes.map { _ in 0 }
    }

    private var moment: Moment {
        Moment(wall: Timestamp(microseconds: world.now), uptime: Uptime(microseconds: world.now))
    }

    // MARK: Life

    func start() {
        isAlive = true
        turn()
    }

    func crash() {
        isAlive = false
        for node in world.nodes.indices {
            if let connection = connections[node] { world.nodes[node].disconnect(connection) }
        }
    }

    func pause(for duration: Int64) {
        world.note("consumer \(index) pauses for \(duration)")
        pausedUntil = max(pausedUntil, world.now + duration)
    }

    /// The connection to a node breaks, with whatever is on it.
    func cut(node: Int) {
        guard let connection = connections[node] else { return }
        world.nodes[node].disconnect(connection)
        connections[node] = nil
    }

    /// Carries out an input when the process is running, and nothing once it is dead.
    private func act(_ input: @escaping () -> Void) {
        guard isAlive else { return }
        if world.now < pausedUntil {
            world.after(pausedUntil - world.now) { [weak self] in self?.act(input) }
            return
        }
        input()
        turn()
    }

    private func turn() {
        guard isAlive else { return }
        // The application always takes a few more.
        core.setDemand(4)
        perform(core.takeEffects())
        ask()
        for node in world.nodes.indices { send(to: node) }
        if let wait = core.timeUntilTick(now: moment) {
            let at = world.now + wait.wholeMicroseconds + 1
            if nextTick.map({ at < $0 }) ?? true {
                nextTick = at
                world.after(at - world.now) { [weak self] in
                    guard let self, nextTick == at else { return }
                    nextTick = nil
                    act { [weak self] in
                        guard let self else { return }
                        core.setDemand(4)
                        core.tick(now: moment)
                    }
                }
            }
        }
    }

    // MARK: Nodes

    private func send(to node: Int) {
        guard !isSending[node], let batch = core.nextBatch(for: node, now: moment) else { return }
        isSending[node] = true
        let sentAt = moment
        world.after(world.latency()) { [weak self] in self?.arrive(batch, node: node, sentAt: sentAt) }
    }

    private func arrive(_ batch: NodeBatch, node: Int, sentAt: Moment) {
        guard isAlive else { return }
        let server = world.nodes[node]
        if connections[node] == nil, server.isUp, batch.generation == nil {
            connections[node] = world.makeConnection()
            generations[node] += 1
        }
        guard server.isUp, let connection = connections[node],
            batch.generation.map({ $0.number == generations[node] }) ?? true
        else {
            answer(batch, node: node, replies: [], isLost: true, sentAt: sentAt, after: 100_000)
            return
        }
        var replies = batch.calls.map { perform($0.kind, on: server, connection: connection) }
        if batch.block == nil {
            for _ in 0..<batch.reserves { replies.append(server.reserve(by: connection, now: world.now)) }
            answer(batch, node: node, replies: replies, isLost: false, sentAt: sentAt, after: world.latency())
        } else {
            let deadline = world.now + Int64(batch.block ?? 0) * 1_000_000
            wait(batch, node: node, connection: connection, replies: replies, sentAt: sentAt, until: deadline)
        }
    }

    /// A reserve that waits, on the server.
    private func wait(
        _ batch: NodeBatch, node: Int, connection: Int, replies: [BeanstalkReply], sentAt: Moment, until: Int64
    ) {
        guard isAlive else { return }
        let server = world.nodes[node]
        guard connections[node] == connection else {
            answer(batch, node: node, replies: replies, isLost: true, sentAt: sentAt, after: world.latency())
            return
        }
        let reply = server.reserve(by: connection, now: world.now)
        if reply != .timedOut || world.now >= until {
            answer(batch, node: node, replies: replies + [reply], isLost: false, sentAt: sentAt, after: world.latency())
            return
        }
        // Looked at again when something may have changed; a tenth of a second is close enough for a put or release.
        let next = min(until, world.now + 100_000, server.nextChange() ?? .max)
        world.after(max(next - world.now, 1)) { [weak self] in
            self?.wait(batch, node: node, connection: connection, replies: replies, sentAt: sentAt, until: until)
        }
    }

    private func answer(
        _ batch: NodeBatch, node: Int, replies: [BeanstalkReply], isLost: Bool, sentAt: Moment, after delay: Int64
    ) {
        let connection = connections[node]
        let generation = ConnectionGeneration(generations[node])
        world.after(delay) { [weak self] in
            self?.act { [weak self] in
                guard let self else { return }
                isSending[node] = false
                // Replies on a connection that broke meanwhile never arrive.
                let isCut = isLost || connections[node] != connection
                core.setDemand(4)
                core.answered(
                    batch, node: node, replies: isCut ? [] : replies, isLost: isCut, generation: generation,
                    sentAt: sentAt, now: moment)
            }
        }
    }

    private func perform(_ kind: NodeCall.Kind, on server: SimulatedNode, connection: Int) -> BeanstalkReply {
        switch kind {
        case .delete(let id, _): server.delete(id, by: connection, now: world.now)
        case .release(let id, let priority, let delay):
            server.release(
                id, priority: priority, delay: Int64(delay) * 1_000_000, by: connection, now: world.now)
        case .touch(let id): server.touch(id, by: connection, now: world.now)
        case .bury(let id, _), .buryForeign(let id, _): server.bury(id, by: connection, now: world.now)
        case .inspect(let id), .inspectForeign(let id):
            server.kicks(of: id).map { .ok(.init(string: Self.statistics(kicks: $0))) } ?? .notFound
        }
    }

    private static func statistics(kicks: Int) -> String {
        "---\nid: 1\ntube: default\nstate: reserved\npri: 1\nage: 1\ndelay: 0\nttr: 10\ntime-left: 9\nfile: 0\n"
            + "reserves: 1\ntimeouts: 0\nreleases: 0\nburies: 0\nkicks: \(kicks)\n"
    }

    // MARK: Ledger

    private func ask() {
        let calls = core.takeLedgerCalls()
        guard !calls.isEmpty else { return }
        let sentAt = moment
        world.after(world.latency()) { [weak self] in
            guard let self, isAlive else { return }
            let arrives = Int.random(in: 0..<50, using: &world.random) > 0
            var results: [Result<LedgerReply, DelayQueueError>] = calls.map { call in
                guard world.ledger.isUp else { return .failure(DelayQueueError(.ledgerUnavailable, "away")) }
                let reply = world.ledger.perform(
                    LedgerRequest(key: call.key, operation: call.operation, timing: world.timing), now: world.now)
                note(call, reply)
                return .success(reply)
            }
            // Now and then requests are carried out and their replies lost.
            if !arrives { results = calls.map { _ in .failure(DelayQueueError(.ledgerUnavailable, "reply lost")) } }
            world.after(world.latency()) { [weak self] in
                self?.act { [weak self] in
                    guard let self else { return }
                    core.setDemand(4)
                    core.ledgerAnswered(calls, results, sentAt: sentAt, now: moment)
                }
            }
        }
    }

    private func note(_ call: LedgerCall, _ reply: LedgerReply) {
        world.note("consumer \(index) \(call.operation) \(call.key): \(reply)")
        if case .complete = call.operation, reply == .settled, !world.finished.contains(call.key) {
            world.ended(call.key, attempt: 0, completed: true)
        }
    }

    // MARK: Application

    private func perform(_ effects: [ConsumerCore.Effect]) {
        for effect in effects {
            switch effect {
            case .deliver(let id, let jobID, _, let attempt, _):
                let key = LedgerKey(queue: .default, id: jobID)
                held[id] = (key, attempt)
                runs[key, default: []].insert(attempt)
                world.delivered(key, attempt: attempt, to: self)
                let duration =
                    Int.random(in: 0..<10, using: &world.random) == 0
                    ? Int64.random(in: 0...15_000_000, using: &world.random)
                    : Int64.random(in: 0...20_000, using: &world.random)
                let settlement: Settlement =
                    switch Int.random(in: 0..<12, using: &world.random) {
                    case 0: .retry(after: .milliseconds(Int64.random(in: 0...5_000, using: &world.random)))
                    case 1: .giveBack
                    case 2: .bury(reason: "chance")
                    default: .complete
                    }
                world.after(duration) { [weak self] in
                    self?.act { [weak self] in self?.settle(id, settlement) }
                }
            case .settled(let id, let settlement, _, let error):
                guard let (key, attempt) = held[id] else { continue }
                world.note("consumer \(index) settled \(key) \(settlement): \(error?.code.description ?? "ok")")
                if let error, error.leavesJobUnsettled {
                    let next = error.code == .nodeFailed ? .giveBack : settlement
                    world.after(500_000) { [weak self] in
                        self?.act { [weak self] in self?.settle(id, next) }
                    }
                    continue
                }
                held[id] = nil
                runs[key]?.remove(attempt)
                world.ended(key, attempt: attempt, completed: false)
            default:
                break
            }
        }
    }

    private func settle(_ id: HeldJobID, _ settlement: Settlement) {
        guard held[id] != nil else { return }
        core.settle(id, settlement, waiter: 1, now: moment)
    }

    /// What must not be left when all is done.
    var leftover: String? {
        guard isAlive else { return nil }
        if core.claimsUnderway < 0 || core.parkedCopies < 0 || core.nodes.contains(where: { $0.held < 0 }) {
            return "consumer \(index): a count fell below zero"
        }
        let copies = core.jobs.values.reduce(0) { $0 + $1.copies.count }
        if copies != core.heldCopies { return "consumer \(index): counts \(core.heldCopies) held copies of \(copies)" }
        return nil
    }
}
