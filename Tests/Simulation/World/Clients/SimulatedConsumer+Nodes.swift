import Beanstalk
import DelayQueue
import NIOCore
import PipelinedTransport

extension SimulatedConsumer {
    func send(to node: Int) {
        guard links[node].underway == nil, links[node].retryAt <= world.now,
            let next = core.nextBatch(for: node, now: moment)
        else { return }
        let batch = Batch(next, sentAt: moment, connection: links[node].connection, deaths: world.nodes[node].deaths)
        links[node].underway = batch
        if let generation = next.generation,
            links[node].connection == nil || generation != links[node].generation
        {
            // Bound to a connection that is gone: it is never sent.
            world.after(1) { [self] in act { [self] in lose(batch, node: node) } }
            return
        }
        world.after(world.latency()) { [self] in arrive(batch, node: node) }
    }

    private func arrive(_ batch: Batch, node: Int) {
        let server = world.nodes[node]
        if batch.isOver {
            // Sent before its connection broke, it may have reached the server all the same.
            if batch.connection != nil, server.isUp, server.deaths == batch.deaths, world.random.chance(2) {
                execute(batch, node: node)
            }
            return
        }
        guard server.isUp else {
            links[node].retryAt = world.now + 50_000 + world.random.time(500_000)
            world.after(links[node].retryAt - world.now) { [self] in act { [self] in lose(batch, node: node) } }
            return
        }
        if batch.connection == nil {
            let connection = world.makeConnection()
            batch.connection = connection
            links[node].connection = connection
            links[node].generation = links[node].generation.next(to: server)
        }
        if server.isHung { mindTimeout(node) }
        execute(batch, node: node)
    }

    private func execute(_ batch: Batch, node: Int) {
        let server = world.nodes[node]
        guard let connection = batch.connection, server.isUp else { return }
        if server.isHung {
            server.inbox.append { [self] in execute(batch, node: node) }
            return
        }
        var replies: [BeanstalkReply] = []
        replies.reserveCapacity(batch.batch.calls.count + batch.batch.reserves)
        for call in batch.batch.calls { replies.append(perform(call.kind, on: node, connection: connection)) }
        if batch.isOver {
            world.gates[node].disconnect(connection)
            return
        }
        for _ in 0..<batch.batch.reserves { replies.append(server.reserve(by: connection, now: world.now)) }
        if let block = batch.batch.block, block > 0, replies.last == .timedOut {
            world.gates[node].wait(connection: connection, until: world.now + Int64(block) * 1_000_000) {
                [self] reply in
                replies[replies.count - 1] = reply
                answer(batch, replies, node: node)
            }
        } else {
            answer(batch, replies, node: node)
        }
        world.gates[node].serve()
    }

    private func answer(_ batch: Batch, _ replies: [BeanstalkReply], node: Int) {
        if batch.isOver { return }
        world.after(world.latency()) { [self] in
            act { [self] in
                if batch.isOver { return }
                batch.isOver = true
                links[node].underway = nil
                setDemand()
                core.answered(
                    batch.batch, node: node, replies: replies, isLost: false,
                    generation: links[node].generation, sentAt: batch.sentAt, now: moment)
                turn()
            }
        }
    }

    // MARK: Trouble

    /// The connection to a node breaks, with whatever is on it.
    func cut(_ node: Int) {
        guard isAlive, let connection = links[node].connection else { return }
        world.note("consumer \(index) loses its connection to node \(node)")
        links[node].connection = nil
        let notices = world.random.chance(4) ? world.random.time(12_000_000) : 0
        world.after(notices) { [world] in world.gates[node].disconnect(connection) }
        guard let batch = links[node].underway else { return }
        batch.isOver = true
        act { [self] in lose(batch, node: node) }
    }

    /// What is under way to a hung node is given up in the end, and the connection with it.
    func mindTimeout(_ node: Int) {
        guard isAlive, let batch = links[node].underway else { return }
        let limit = Int64(batch.batch.block ?? 0) * 1_000_000 + 10_000_000
        world.after(batch.sentAt.uptime.microseconds + limit - world.now) { [self] in
            act { [self] in
                if !batch.isOver { cut(node) }
            }
        }
    }

    private func lose(_ batch: Batch, node: Int) {
        guard links[node].underway === batch else { return }
        batch.isOver = true
        links[node].underway = nil
        setDemand()
        core.answered(
            batch.batch, node: node, replies: [], isLost: true,
            generation: links[node].generation, sentAt: batch.sentAt, now: moment)
        turn()
    }

    // MARK: Commands

    private func perform(_ kind: NodeCall.Kind, on node: Int, connection: Int) -> BeanstalkReply {
        let server = world.nodes[node]
        switch kind {
        case .delete(let id, _):
            guard let job = server.delete(id, by: connection, now: world.now) else { return .notFound }
            world.note("consumer \(index) deletes \(id) of job \(job.origin.job ?? -1) on node \(node)")
            if let number = job.origin.job {
                world.judge.deleted(number, writtenBy: job.origin.call, by: .consumer(identity))
            }
            return .deleted
        case .release(let id, let priority, let delay):
            return server.release(
                id, priority: priority, delay: Int64(delay) * 1_000_000, by: connection, now: world.now)
        case .touch(let id):
            return server.touch(id, by: connection, now: world.now)
        case .bury(let id, _), .buryForeign(let id, _):
            world.note("consumer \(index) buries \(id) on node \(node)")
            return server.bury(id, by: connection, now: world.now)
        case .inspect(let id), .inspectForeign(let id):
            return server.find(id).map { .ok(SimulatedNode.statistics(kicks: $0.kicks)) } ?? .notFound
        }
    }
}
