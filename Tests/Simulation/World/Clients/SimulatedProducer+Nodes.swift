import Beanstalk
import DelayQueue
import NIOCore
import PipelinedTransport

extension SimulatedProducer {
    /// The one connection to a node, shared by all calls.
    struct Link {
        var connection: Int?
        var generation = ConnectionGeneration(0)
        var retryAt: Int64 = 0
        var lastArrival: Int64 = 0
        var lastReply: Int64 = 0
        var outstanding: [NodeRequest] = []

        func health(now: Int64) -> NodeChoice.Health {
            NodeChoice.Health(isUp: connection != nil || retryAt <= now, isSlow: false, isBusy: !outstanding.isEmpty)
        }
    }

    // MARK: There

    func send(_ request: NodeRequest, to node: Int) {
        if isCutShort { return end(request, .cancelled, node: node) }
        if let generation = request.commands.generation,
            links[node].connection == nil || generation != links[node].generation
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
        world.after(request.commands.timeout.wholeMicroseconds) { [self] in
            act { [self] in abandon(request, node: node, as: .timedOut) }
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
            return act { [self] in end(request, .connectFailed, node: node) }
        }
        if links[node].connection == nil {
            links[node].connection = world.makeConnection()
            links[node].generation = links[node].generation.next(to: server)
        }
        request.connection = links[node].connection
        execute(request, node: node)
    }

    private func execute(_ request: NodeRequest, node: Int) {
        let server = world.nodes[node]
        guard let connection = request.connection, server.isUp else { return }
        if server.isHung {
            server.inbox.append { [self] in execute(request, node: node) }
            return
        }
        let replies = perform(request.commands, on: node, connection: connection)
        world.gates[node].serve()
        if request.isDead { return }
        // Now and then a batch is answered in two parts, and much may happen in between.
        let first =
            replies.count > 1 && world.random.chance(3) ? 1 + world.random.below(replies.count - 1) : replies.count
        receive(request, replies[..<first], node: node)
        if first < replies.count { receive(request, replies[first...], node: node) }
    }

    // MARK: And back

    private func receive(_ request: NodeRequest, _ replies: ArraySlice<BeanstalkReply>, node: Int) {
        let arrival = max(world.now + world.latency(), links[node].lastReply)
        links[node].lastReply = arrival
        world.after(arrival - world.now) { [self] in
            act { [self] in
                if request.isDead { return }
                for (index, reply) in zip(replies.indices, replies) { received(request, reply, at: index, node: node) }
                // What was sent is answered in order, so this was the last reply to it.
                guard replies.endIndex == request.commands.count else { return }
                links[node].outstanding.removeAll { $0 === request }
                if request.isAwaited { answer(request, nil, node: node) }
            }
        }
    }

    private func received(_ request: NodeRequest, _ reply: BeanstalkReply, at index: Int, node: Int) {
        if request.isAwaited {
            request.replies.append(reply)
            return
        }
        // Replies to what was sent for nobody are dropped.
        guard let write = request.commands.write, case .put(let puts, _) = request.commands.kind else { return }
        world.count(.lateAnswer)
        let mustGo = core.arrivedLate(request.commands, at: index, reply)
        guard case .inserted(let id) = reply else { return }
        guard mustGo else { return keeps(puts[index], of: write) }
        let farewell = NodeCommands(
            node: node, kind: .delete([id]), generation: links[node].generation,
            timeout: .seconds(600), purpose: request.commands.purpose)
        send(NodeRequest(farewell, isAwaited: false), to: node)
    }

    private func answer(
        _ request: NodeRequest, _ code: TransportError.Code?, mayHaveBeenSent: Bool = true,
        generation: ConnectionGeneration? = nil, node: Int
    ) {
        request.isAwaited = false
        let outcome = BatchOutcome(
            replies: request.replies,
            failure: code.map {
                TransportError($0, address: world.addresses[node].address, mayHaveBeenSent: mayHaveBeenSent)
            }, generation: generation ?? links[node].generation)
        core.answered(request.commands, outcome, now: moment)
        flush()
    }

    /// It is not sent, or not any more. Told in a moment, like every answer.
    private func end(_ request: NodeRequest, _ code: TransportError.Code, node: Int) {
        request.isDead = true
        world.after(1) { [self] in
            act { [self] in if request.isAwaited { answer(request, code, mayHaveBeenSent: false, node: node) } }
        }
    }

    /// The wait ends; replies that still come are late. The core is told a little later, as tasks are.
    func abandon(_ request: NodeRequest, node: Int, as code: TransportError.Code) {
        guard request.isAwaited, !request.isDead else { return }
        if request.connection == nil {
            // The connection is still being made.
            links[node].outstanding.removeAll { $0 === request }
            return end(request, code, node: node)
        }
        request.isAwaited = false
        let generation = links[node].generation
        world.after(1 + world.random.time(300)) { [self] in
            act { [self] in answer(request, code, generation: generation, node: node) }
        }
    }

    /// The connection to a node breaks, with whatever is on it.
    func cut(_ node: Int) {
        guard isAlive, links[node].connection != nil else { return }
        world.note("producer loses its connection to node \(node)")
        let lost = drop(node)
        act { [self] in
            for request in lost where request.isAwaited { answer(request, .connectionLost, node: node) }
        }
    }

    @discardableResult
    func drop(_ node: Int) -> [NodeRequest] {
        links[node].connection = nil
        let lost = links[node].outstanding
        links[node].outstanding = []
        for request in lost { request.isDead = true }
        return lost
    }

    // MARK: Commands

    private func perform(_ commands: NodeCommands, on node: Int, connection: Int) -> [BeanstalkReply] {
        let server = world.nodes[node]
        switch commands.kind {
        case .put(let puts, let tube):
            return puts.map { put in perform(put, into: tube, of: commands.purpose, on: node) }
        case .delete(let ids):
            return ids.map { id in
                guard let stored = server.delete(id, by: connection, now: world.now) else { return .notFound }
                world.note("producer deletes \(id) of job \(stored.origin.job ?? -1) on node \(node)")
                if let job = stored.origin.job {
                    world.judge.deleted(job, writtenBy: stored.origin.call, by: deleter(of: commands.purpose))
                } else {
                    world.judge.fail("a producer deleted a record nobody here wrote")
                }
                return .deleted
            }
        case .peek(let ids):
            return ids.map { id in server.find(id).map { .found(id, $0.bytes) } ?? .notFound }
        case .statistics:
            return [.unknownCommand]
        }
    }

    private func perform(
        _ put: NodeCommands.Put, into tube: CopyTube, of purpose: NodeCommands.Purpose, on node: Int
    ) -> BeanstalkReply {
        if !world.isHealed, world.random.chance(80) {
            return [.draining, .outOfMemory, .jobTooBig][world.random.below(3)]
        }
        guard case .write(let write) = purpose else { return .internalError }
        let server = world.nodes[node]
        let job = world.number(of: put.job)
        let reply = server.put(
            put.job.bytes(copy: put.place.copy, copies: put.copies, role: put.role), into: tube, priority: put.priority,
            delay: Int64(put.delay) * 1_000_000, timeToRun: Int64(put.job.timeToRun) * 1_000_000,
            origin: .init(job: job, call: judged(write), copy: put.copies > 0 ? put.place.copy : nil), now: world.now)
        world.note("producer puts copy \(put.place.copy) of job \(job ?? -1) on node \(node), \(put.role): \(reply)")
        if case .inserted(let id) = reply, !world.isHealed, world.random.chance(120) {
            server.buryForLackOfMemory(id)
            return .buried(id)
        }
        if let job { world.judge.stored(job, by: judged(write)) }
        return reply
    }
}

extension PreparedJob {
    fileprivate func bytes(copy: Int, copies: Int, role: CopyRole) -> ByteBuffer {
        switch record {
        case .native(let template):
            var bytes = ByteBuffer()
            template.write(copy: copy, copies: copies, role: role, into: &bytes)
            return bytes
        case .goQueue(let bytes, _): return bytes
        }
    }
}
