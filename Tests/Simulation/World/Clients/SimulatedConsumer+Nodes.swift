import Beanstalk
import DelayQueue
import NIOCore
import PipelinedTransport

extension SimulatedConsumer {
    func node(of link: Int) -> Int { link % world.nodes.count }

    func send(over link: Int) {
        guard links[link].underway == nil, links[link].retryAt <= world.now,
            let next = core.nextBatch(for: link, now: moment)
        else { return }
        let batch = Batch(
            next, sentAt: moment, connection: links[link].connection, deaths: world.nodes[node(of: link)].deaths)
        links[link].underway = batch
        if let generation = next.generation,
            links[link].connection == nil || generation != links[link].generation
        {
            // Bound to a connection that is gone: it is never sent.
            world.after(1) { [self] in act { [self] in lose(batch, link: link) } }
            return
        }
        world.after(world.latency()) { [self] in arrive(batch, link: link) }
    }

    private func arrive(_ batch: Batch, link: Int) {
        let server = world.nodes[node(of: link)]
        if batch.isOver {
            // Sent before its connection broke, it may have reached the server all the same.
            if batch.connection != nil, server.isUp, server.deaths == batch.deaths, world.random.chance(2) {
                execute(batch, link: link)
            }
            return
        }
        guard server.isUp else {
            links[link].retryAt = world.now + 50_000 + world.random.time(500_000)
            world.after(links[link].retryAt - world.now) { [self] in act { [self] in lose(batch, link: link) } }
            return
        }
        if batch.connection == nil {
            let connection = world.makeConnection()
            batch.connection = connection
            links[link].connection = connection
            links[link].generation = links[link].generation.next(to: server)
        }
        if server.isHung { mindTimeout(link: link) }
        execute(batch, link: link)
    }

    private func execute(_ batch: Batch, link: Int) {
        let server = world.nodes[node(of: link)]
        guard let connection = batch.connection, server.isUp else { return }
        if server.isHung {
            server.inbox.append { [self] in execute(batch, link: link) }
            return
        }
        var replies: [BeanstalkReply] = []
        replies.reserveCapacity(batch.batch.calls.count + batch.batch.reserves)
        for call in batch.batch.calls { replies.append(perform(call, on: link, connection: connection)) }
        if batch.isOver {
            world.gates[node(of: link)].disconnect(connection)
            return
        }
        for _ in 0..<batch.batch.reserves { replies.append(server.reserve(by: connection, now: world.now)) }
        if let block = batch.batch.block, block > 0, replies.last == .timedOut {
            world.gates[node(of: link)].wait(connection: connection, until: world.now + Int64(block) * 1_000_000) {
                [self] reply in
                replies[replies.count - 1] = reply
                answer(batch, replies, link: link)
            }
        } else {
            answer(batch, replies, link: link)
        }
        world.gates[node(of: link)].serve()
    }

    private func answer(_ batch: Batch, _ replies: [BeanstalkReply], link: Int) {
        if batch.isOver { return }
        world.after(world.latency()) { [self] in
            act { [self] in
                if batch.isOver { return }
                batch.isOver = true
                links[link].underway = nil
                setDemand()
                core.answered(
                    batch.batch, link: link, replies: read(replies, to: batch.batch), isLost: false,
                    generation: links[link].generation, sentAt: batch.sentAt, now: moment)
                turn()
            }
        }
    }

    /// Skips the records for which there is no room, as the decoder of a connection does.
    private func read(_ replies: [BeanstalkReply], to batch: NodeBatch) -> [BeanstalkReply] {
        var left = batch.allowance
        return replies.map { reply in
            let size: Int
            let unread: BeanstalkReply
            switch reply {
            case .reserved(let id, let bytes):
                size = bytes.readableBytes
                unread = .reservedUnread(id, size: size)
            case .found(let id, let bytes):
                size = bytes.readableBytes
                unread = .foundUnread(id, size: size)
            default: return reply
            }
            if size <= largestRecord, size <= left {
                left -= size
                return reply
            }
            world.count(size > largestRecord ? .oversized : .noRoom)
            return unread
        }
    }

    // MARK: Trouble

    /// Both connections to a node break.
    func cut(_ node: Int) {
        for link in stride(from: node, to: links.count, by: world.nodes.count) { cut(link: link) }
    }

    /// A connection to a node breaks, with whatever is on it.
    func cut(link: Int) {
        guard isAlive, let connection = links[link].connection else { return }
        world.note("consumer \(index) loses link \(link)")
        links[link].connection = nil
        let notices = world.random.chance(4) ? world.random.time(12_000_000) : 0
        let gate = world.gates[node(of: link)]
        world.after(notices) { gate.disconnect(connection) }
        guard let batch = links[link].underway else { return }
        batch.isOver = true
        act { [self] in lose(batch, link: link) }
    }

    func mindTimeout(_ node: Int) {
        for link in stride(from: node, to: links.count, by: world.nodes.count) { mindTimeout(link: link) }
    }

    /// What is under way to a hung node is given up in the end, and the connection with it.
    func mindTimeout(link: Int) {
        guard isAlive, let batch = links[link].underway else { return }
        let limit = Int64(batch.batch.block ?? 0) * 1_000_000 + 10_000_000
        world.after(batch.sentAt.uptime.microseconds + limit - world.now) { [self] in
            act { [self] in
                if !batch.isOver { cut(link: link) }
            }
        }
    }

    private func lose(_ batch: Batch, link: Int) {
        guard links[link].underway === batch else { return }
        batch.isOver = true
        links[link].underway = nil
        setDemand()
        core.answered(
            batch.batch, link: link, replies: [], isLost: true,
            generation: links[link].generation, sentAt: batch.sentAt, now: moment)
        turn()
    }

    // MARK: Commands

    private func perform(_ call: NodeCall, on link: Int, connection: Int) -> BeanstalkReply {
        let server = world.nodes[node(of: link)]
        switch call.kind {
        case .delete(let id, _):
            let isByName = server.find(id).map { if case .reserved = $0.state { false } else { true } } ?? false
            guard let job = server.delete(id, by: connection, now: world.now) else { return .notFound }
            if isByName { world.count(.deleteByName) }
            world.note("consumer \(index) deletes \(id) of job \(job.origin.job ?? -1) on node \(node(of: link))")
            if let number = job.origin.job {
                world.judge.deleted(number, writtenBy: job.origin.call, by: .consumer(identity))
            }
            return .deleted
        case .fetch(let id):
            let reply = server.reserve(id, by: connection, now: world.now)
            if case .reserved = reply { world.count(call.job == nil ? .fetchAhead : .fetch) }
            world.note("consumer \(index) fetches \(id) from node \(node(of: link)): \(reply)")
            return reply
        case .probe:
            return .using(.default)
        case .release(let id, let priority, let delay):
            world.note("consumer \(index) gives \(id) back to node \(node(of: link)) for \(delay) s")
            return server.release(
                id, priority: priority, delay: Int64(delay) * 1_000_000, by: connection, now: world.now)
        case .touch(let id):
            return server.touch(id, by: connection, now: world.now)
        case .bury(let id, _), .buryAside(let id, _):
            world.note("consumer \(index) buries \(id) on node \(node(of: link))")
            return server.bury(id, by: connection, now: world.now)
        case .inspect(let id), .inspectAside(let id), .lookAhead(let id):
            return server.statistics(of: id, now: world.now)
        case .peekNext:
            return server.nextStandby(now: world.now)
        }
    }
}
