import Beanstalk
import DelayQueue
import PipelinedTransport

/// One consumer process: a real ``ConsumerCore`` with simulated I/O and an application that takes its jobs.
final class SimulatedConsumer: SimulatedProcess {
    /// One of the two ways to a node. One batch is under way at a time.
    struct Link {
        var connection: Int?
        var generation = ConnectionGeneration(0)
        var underway: Batch?
        var retryAt: Int64 = 0
    }

    /// A batch on its way to a node and back.
    final class Batch {
        let batch: NodeBatch
        let sentAt: Moment
        /// The connection it was sent on; nil where that is made for it.
        var connection: Int?
        /// The server's, when it was sent.
        let deaths: Int
        /// The answer, if one comes, comes to nobody.
        var isOver = false

        init(_ batch: NodeBatch, sentAt: Moment, connection: Int?, deaths: Int) {
            self.deaths = deaths
            self.batch = batch
            self.sentAt = sentAt
            self.connection = connection
        }
    }

    struct Run {
        let job: Int
        let attempt: Int
        let failures: JobFailures
    }

    let index: Int
    var core: ConsumerCore
    var links: [Link]
    var runs: [HeldJobID: Run] = [:]
    /// How many jobs the application works on at once.
    let width: Int
    let retryPolicy: RetryPolicy
    /// The most bytes of a record that it reads.
    let largestRecord: Int
    private var nextTick: Int64?
    private var turns = 0
    /// When it last sent a check-in, or had the answer to one.
    private var lastCheckIn: Int64 = 0
    private var isCheckingIn = false
    /// It dies or pauses at this turn, for so long.
    var troubleAtTurn: (turn: Int, isCrash: Bool, duration: Int64)?
    private(set) var isStopping = false
    private var stoppedAt: Int64 = 0
    /// Whether nothing of it can come after its check-out.
    var isGoneForGood: Bool { isStopping && lastStray < stoppedAt }

    init(index: Int, world: World) {
        self.index = index
        let identity = world.makeConnection()
        var settings = ConsumerCore.Settings(
            queue: .default, nodes: world.addresses, lease: WorldOptions.timing.lease,
            maximumFailures: WorldOptions.maximumFailures, settleTimeout: .seconds(20), ownerPrefix: "c\(identity).",
            name: "consumer-\(index)")
        settings.timing = WorldOptions.timing
        settings.idleBlock = 20
        settings.parkedLimit = world.random.chance(8) ? 2 : 500
        settings.latePolicy = world.options.latePolicy
        settings.isAtMostOnce = world.options.isAtMostOnce
        if let share = world.options.shareOfNode {
            settings.maximumRecordSize = WorldOptions.maximumRecordSize
            settings.maximumHeldBytes = share * world.nodes.count
            settings.batchBytes = WorldOptions.maximumRecordSize
        }
        if world.random.chance(2) { settings.briskSteps = 1 }
        largestRecord = settings.maximumRecordSize
        core = ConsumerCore(settings: settings)
        links = Array(repeating: Link(), count: world.nodes.count * 2)
        width = world.options.isBusy ? 1 : 1 + world.random.below(4)
        var policy = RetryPolicy()
        policy.maximumFailures = WorldOptions.maximumFailures
        retryPolicy = policy
        super.init(world: world, identity: identity)
        host = world.consumerHosts[index]
    }

    // MARK: Life

    func start() {
        isAlive = true
        lastCheckIn = world.now
        core.resume(now: moment)
        turn()
    }

    /// - Parameter poison: the job that ended it, if one did.
    func crash(for duration: Int64, by poison: Int? = nil) {
        guard isAlive else { return }
        world.count(poison == nil ? .consumerCrash : .poison)
        world.note("consumer \(index) crashes\(poison.map { ", by job \($0)" } ?? "")")
        if let poison { world.judge.poisoned(consumer: identity, by: poison) }
        die()
        replace(after: min(duration, world.healsAt - world.now))
    }

    private func die() {
        isAlive = false
        world.judge.crashed(consumer: identity)
        for link in links.indices {
            links[link].underway?.isOver = true
            guard let connection = links[link].connection else { continue }
            // A host that vanishes says nothing: its reservations end by themselves.
            let notices = world.random.chance(4) ? world.random.time(15_000_000) : 0
            let gate = world.gates[node(of: link)]
            world.after(notices) { gate.disconnect(connection) }
        }
    }

    private func replace(after duration: Int64) {
        world.after(duration) { [world, index] in
            if world.isResting { return }
            let next = SimulatedConsumer(index: index, world: world)
            world.consumers[index] = next
            next.start()
        }
    }

    /// A deployment: what is under way may end, then another process takes the place.
    func restart(within duration: Int64) {
        guard isAlive, !isStopping else { return }
        world.count(.consumerStop)
        stop()
        world.after(duration) { [self] in
            guard isAlive else { return }
            act { [self] in
                core.giveUpSettling(now: moment)
                turn()
            }
            world.after(2_000_000) { [self] in
                guard isAlive else { return }
                die()
                replace(after: 100_000)
            }
        }
    }

    func stop() {
        act { [self] in
            world.note("consumer \(index) stops")
            isStopping = true
            stoppedAt = world.now
            core.drain(now: moment)
            turn()
        }
    }

    /// It has ended, with nothing in its hands.
    var isAtRest: Bool { !isAlive || (isStopping && core.isIdle && core.heldCopies == 0) }

    // MARK: Turns

    func setDemand() {
        core.setDemand(isStopping ? 0 : width - runs.count, now: moment)
    }

    func turn() {
        guard isAlive else { return }
        turns += 1
        if meetTrouble() { return }
        perform(core.takeEffects())
        setDemand()
        askLedger()
        for link in links.indices { send(over: link) }
        scheduleTick()
        for node in world.nodes.indices where core.heldBytes(of: node) > core.shareOfNode + core.excessOfNode {
            world.judge.fail("consumer \(index) holds \(core.heldBytes(of: node)) bytes of records of node \(node)")
        }
        if !isCheckingIn, !isStopping, isAwake(for: 3_000_000), world.now - lastCheckIn > 1_200_000 {
            world.judge.fail("consumer \(index) has not checked in for \(world.now - lastCheckIn) µs")
        }
        let patience = WorldOptions.timing.lease.wholeMicroseconds + 1_100_000
        if isCutOffFor > patience, isAwake(for: 3_000_000), core.unclaimedCopies > 0 {
            world.judge.fail(
                "consumer \(index) can not ask the ledger, and keeps \(core.unclaimedCopies) copies from others")
        }
    }

    /// - Returns: whether it is dead now.
    private func meetTrouble() -> Bool {
        guard let trouble = troubleAtTurn, turns >= trouble.turn, !world.isHealed else { return false }
        troubleAtTurn = nil
        let duration = min(trouble.duration, world.healsAt - world.now)
        if trouble.isCrash { crash(for: duration) } else { pause(for: duration) }
        return trouble.isCrash
    }

    private func scheduleTick() {
        guard let wait = core.timeUntilTick(now: moment) else { return }
        let at = world.now + wait.wholeMicroseconds + 1
        if let nextTick, nextTick <= at, nextTick > world.now { return }
        nextTick = at
        world.after(at - world.now) { [self] in
            guard nextTick == at else { return }
            act { [self] in
                nextTick = nil
                setDemand()
                core.tick(now: moment)
                turn()
            }
        }
    }

    // MARK: Ledger

    private func askLedger() {
        let calls = core.takeLedgerCalls()
        guard !calls.isEmpty else { return }
        let sentAt = moment
        let hasCheckIn = calls.contains { if case .board(.checkIn) = $0.operation { true } else { false } }
        if hasCheckIn {
            isCheckingIn = true
            lastCheckIn = world.now
        }
        let requests = calls.map {
            LedgerRequest(key: $0.key, operation: $0.operation, timing: WorldOptions.timing)
        }
        ask(requests) { [self] results in
            if hasCheckIn {
                isCheckingIn = false
                lastCheckIn = world.now
            }
            setDemand()
            core.ledgerAnswered(calls, results, sentAt: sentAt, now: moment)
            turn()
        }
    }
}
