import Beanstalk
import DelayQueue
import PipelinedTransport

/// A producer process: the real decisions of a `Producer`, with simulated connections to the nodes.
final class SimulatedProducer: SimulatedProcess {
    /// The one connection to a node, shared by all calls.
    struct Link {
        var connection: Int?
        var generation: UInt64 = 0
        var retryAt: Int64 = 0
        var lastArrival: Int64 = 0
        var lastReply: Int64 = 0
        var outstanding: [NodeRequest] = []
        /// It missed a grace, and has not answered since.
        var isSlow = false
    }

    static let writeTimeout: Int64 = 5_000_000
    static let stragglerGrace: Int64 = 250_000

    var links: [Link]
    var calls: [ProducerCall] = []
    /// How many are under way.
    var revocations = 0

    override init(world: World) {
        links = world.nodes.map { _ in Link() }
        super.init(world: world)
        isAlive = true
    }

    var hasLedger: Bool { world.options.producerHasLedger }

    /// Nobody learns what became of the calls under way; what they had written stays.
    func crash(for duration: Int64) {
        guard isAlive else { return }
        world.count(.producerCrash)
        world.note("producer crashes")
        for node in links.indices { drop(node) }
        isAlive = false
        let lost = calls
        calls = []
        world.callsUnderway -= lost.count + revocations
        world.after(duration) { [world] in
            world.producer = SimulatedProducer(world: world)
            for call in lost { call.wasLost() }
        }
    }

    /// Nothing it sent waits for an answer.
    var isQuiet: Bool { links.allSatisfy(\.outstanding.isEmpty) }

    func health() -> [NodeChoice.Health] {
        links.map { link in
            NodeChoice.Health(
                isUp: link.connection != nil || link.retryAt <= world.now, isSlow: link.isSlow,
                isBusy: !link.outstanding.isEmpty)
        }
    }

    // MARK: Connections

    private func outcome(
        _ replies: [BeanstalkReply] = [], _ code: TransportError.Code? = nil, mayHaveBeenSent: Bool = true, node: Int
    ) -> BatchOutcome<BeanstalkReply> {
        BatchOutcome(
            replies: replies,
            failure: code.map {
                TransportError($0, address: world.addresses[node].address, mayHaveBeenSent: mayHaveBeenSent)
            }, generation: ConnectionGeneration(links[node].generation))
    }

    func send(_ request: NodeRequest, to node: Int) {
        if let generation = request.generation,
            links[node].connection == nil || generation.number != links[node].generation
        {
            return end(request, .staleGeneration, node: node)
        }
        if links[node].connection == nil, links[node].retryAt > world.now {
            return end(request, .backingOff, node: node)
        }
        request.connection = links[node].connection
        request.deaths = world.nodes[node].deaths
        links[node].outstanding.append(request)
        let arrival = max(world.now + world.latency(), links[node].lastArrival)
        links[node].lastArrival = arrival
        world.after(arrival - world.now) { [self] in arrive(request, node: node) }
    }

    /// Told in a moment, like every answer.
    private func end(_ request: NodeRequest, _ code: TransportError.Code, node: Int) {
        world.after(1) { [self] in
            act { [self] in request.end(outcome([], code, mayHaveBeenSent: false, node: node)) }
        }
    }

    private func arrive(_ request: NodeRequest, node: Int) {
        let server = world.nodes[node]
        if request.isDead {
            // Sent before its connection broke, it may have reached the server all the same.
            if request.connection != nil, server.isUp, server.deaths == request.deaths, world.random.chance(2) {
                execute(request, node: node)
            }
            return
        }
        guard server.isUp else {
            links[node].retryAt = world.now + 50_000 + world.random.time(500_000)
            links[node].outstanding.removeAll { $0 === request }
            act { [self] in request.end(outcome([], .connectFailed, mayHaveBeenSent: false, node: node)) }
            return
        }
        if links[node].connection == nil {
            links[node].connection = world.makeConnection()
            links[node].generation += 1
        }
        request.connection = links[node].connection
        if server.isHung {
            world.after(request.sentAt + Self.writeTimeout - world.now) { [self] in
                act { [self] in request.end(outcome([], .timedOut, node: node)) }
            }
        }
        execute(request, node: node)
    }

    private func execute(_ request: NodeRequest, node: Int) {
        let server = world.nodes[node]
        guard let connection = request.connection, server.isUp else { return }
        if server.isHung {
            server.inbox.append { [self] in execute(request, node: node) }
            return
        }
        let replies = request.commands.map { perform($0, on: node, connection: connection) }
        world.gates[node].serve()
        if request.isDead { return }
        let arrival = max(world.now + world.latency(), links[node].lastReply)
        links[node].lastReply = arrival
        world.after(arrival - world.now) { [self] in
            act { [self] in receive(request, replies, node: node) }
        }
    }

    private func receive(_ request: NodeRequest, _ replies: [BeanstalkReply], node: Int) {
        if request.isDead { return }
        links[node].outstanding.removeAll { $0 === request }
        links[node].isSlow = false
        if request.isAwaited { return request.end(outcome(replies, node: node)) }
        guard let whenAbandoned = request.whenAbandoned else { return }
        for (index, reply) in replies.enumerated() {
            guard let farewell = whenAbandoned(index, reply) else { continue }
            send(
                NodeRequest(
                    [farewell], generation: ConnectionGeneration(links[node].generation), sentAt: world.now
                ) { _ in },
                to: node)
        }
    }

    /// The connection to a node breaks, with whatever is on it.
    func cut(_ node: Int) {
        guard isAlive, links[node].connection != nil else { return }
        world.note("producer loses its connection to node \(node)")
        let lost = drop(node)
        act { [self] in
            for request in lost { request.end(outcome([], .connectionLost, node: node)) }
        }
    }

    @discardableResult
    private func drop(_ node: Int) -> [NodeRequest] {
        links[node].connection = nil
        let lost = links[node].outstanding
        links[node].outstanding = []
        for request in lost { request.isDead = true }
        return lost
    }

    /// The caller waits no longer; the reply, if it comes, meets nobody.
    func abandon(_ request: NodeRequest, node: Int) {
        request.end(outcome([], .cancelled, node: node))
    }

    // MARK: Commands

    private func perform(_ command: NodeRequest.Command, on node: Int, connection: Int) -> BeanstalkReply {
        let server = world.nodes[node]
        switch command {
        case .put(let bytes, let priority, let delay, let timeToRun, let origin):
            if !world.isHealed, world.random.chance(80) {
                return world.random.chance(2) ? .draining : .outOfMemory
            }
            let reply = server.put(
                bytes, priority: priority, delay: Int64(delay) * 1_000_000, timeToRun: Int64(timeToRun) * 1_000_000,
                origin: origin, now: world.now)
            world.note("producer puts a copy of job \(origin.job ?? -1) on node \(node): \(reply)")
            if case .inserted(let id) = reply, !world.isHealed, world.random.chance(120) {
                server.buryForLackOfMemory(id)
                return .buried(id)
            }
            return reply
        case .delete(let id, let deleter):
            guard let stored = server.delete(id, by: connection, now: world.now) else { return .notFound }
            world.note("producer deletes \(id) of job \(stored.origin.job ?? -1) on node \(node)")
            if let job = stored.origin.job {
                world.judge.deleted(
                    job, writtenBy: stored.origin.call, by: deleter)
            } else {
                world.judge.fail("a producer deleted a record nobody here wrote")
            }
            return .deleted
        case .peek(let id):
            return server.find(id).map { .found(id, $0.bytes) } ?? .notFound
        }
    }
}
