import Beanstalk

/// A node's front: reserves that wait there, and its deaths and pauses.
final class NodeGate {
    private struct Waiter {
        let connection: Int
        let until: Int64
        let answer: (BeanstalkReply) -> Void
    }

    let server: SimulatedNode
    private unowned let world: World
    private var waiters: [Waiter] = []
    private var nextLook: Int64?

    init(server: SimulatedNode, world: World) {
        self.server = server
        self.world = world
    }

    var number: Int { world.gates.firstIndex { $0 === self } ?? 0 }

    // MARK: Waiting reserves

    func wait(connection: Int, until: Int64, answer: @escaping (BeanstalkReply) -> Void) {
        waiters.append(Waiter(connection: connection, until: until, answer: answer))
        serve()
    }

    /// Gives what is ready to those who wait, in their order.
    func serve() {
        guard server.isUp, !server.isHung, !waiters.isEmpty else { return }
        server.advance(to: world.now)
        var index = 0
        while index < waiters.count {
            let waiter = waiters[index]
            let isDeadlineSoon = server.isDeadlineSoon(for: waiter.connection, now: world.now)
            guard server.hasReadyJob || isDeadlineSoon || waiter.until <= world.now else {
                index += 1
                continue
            }
            waiters.remove(at: index)
            waiter.answer(server.reserve(by: waiter.connection, now: world.now))
        }
        lookAgain()
    }

    private func lookAgain() {
        guard var at = waiters.lazy.map(\.until).min() else { return }
        if let change = server.nextChange(after: world.now) { at = min(at, change) }
        at = max(at, world.now + 1)
        if let nextLook, nextLook <= at, nextLook > world.now { return }
        nextLook = at
        world.after(at - world.now) { [unowned self] in
            guard nextLook == at else { return }
            nextLook = nil
            serve()
        }
    }

    func disconnect(_ connection: Int) {
        waiters.removeAll { $0.connection == connection }
        server.disconnect(connection)
        serve()
    }

    // MARK: Trouble

    func crash(for duration: Int64) {
        guard server.isUp else { return }
        world.count(.nodeCrash)
        // What a lagging log brings back is to be covered by the grace of the records.
        let duration = server.log == .lagging ? min(duration, 6_000_000) : duration
        let damage = server.crash(recent: world.now - world.random.time(4_000_000))
        world.note(
            "node \(number) crashes, loses \(damage.erased.count) copies, will restore \(damage.restored.map(\.job))")
        for job in damage.erased {
            if job == nil { world.foreignLeft = nil }
        }
        for (job, deletedAt) in damage.restored { world.judge.undeleted(job, deletedAt: deletedAt) }
        waiters = []
        for consumer in world.consumers { consumer.cut(number) }
        world.producer?.cut(number)
        world.after(duration) { [unowned self] in recover() }
    }

    func hang(for duration: Int64) {
        guard server.isUp, !server.isHung else { return }
        world.count(.nodeHang)
        world.note("node \(number) hangs")
        server.isHung = true
        for consumer in world.consumers { consumer.mindTimeout(number) }
        world.after(duration) { [unowned self] in recover() }
    }

    func recover() {
        guard !server.isUp || server.isHung else { return }
        world.note("node \(number) is back")
        server.isUp = true
        server.isHung = false
        let inbox = server.inbox
        server.inbox = []
        for request in inbox { request() }
        serve()
    }
}
