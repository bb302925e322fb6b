import Beanstalk
import NIOCore
import PipelinedTransport

@testable import DelayQueue

/// A consumer core with hand-fed nodes and a ledger that follows the real rules, for tests that look at single decisions.
final class CoreWorld {
    static let start = Timestamp(microseconds: 1_800_000_000_000_000)

    var core: ConsumerCore
    var now = Moment(wall: CoreWorld.start, uptime: Uptime(microseconds: 1_000_000_000))
    var records: [LedgerKey: LedgerRecord] = [:]
    var board: QueueBoard?
    var isLedgerAway = false
    private(set) var effects: [ConsumerCore.Effect] = []
    /// Every command sent, by link: a node's number is that of its main link.
    private(set) var sent: [[NodeCall.Kind]]
    var kicks = 0

    init(
        nodes: Int = 3, demand: Int = 10, maximumFailures: Int = 25, lease: Duration = .seconds(30),
        seals: SealPolicy = .init(), _ configure: (inout ConsumerCore.Settings) -> Void = { _ in }
    ) throws {
        let addresses = try (0..<nodes).map { try BeanstalkNode("127.0.0.1:\(11300 + $0)") }
        var settings = ConsumerCore.Settings(
            queue: .default, nodes: addresses, lease: lease, maximumFailures: maximumFailures,
            settleTimeout: .seconds(30), ownerPrefix: "me.", name: "host/7")
        settings.seals = seals
        configure(&settings)
        core = ConsumerCore(settings: settings)
        core.setDemand(demand, now: now)
        // It was told by the ledger that its clock is right, and checks in only where a test has it do so.
        core.clock.learn(now.wall, sentAt: now.uptime, now: now.uptime)
        sent = Array(repeating: [], count: nodes * 2)
        for node in addresses.indices { connect(node) }
    }

    // MARK: The core

    // Expectations copy what they look into, which a core does not let happen.

    var isIdle: Bool { core.isIdle }
    var heldCopies: Int { core.heldCopies }
    var parkedCopies: Int { core.parkedCopies }
    var claimsUnderway: Int { core.claimsUnderway }
    var jobsInHand: Int { core.jobsInHand }
    var queuedJobs: Int { core.queuedJobs }
    var unmetDemand: Int { core.unmetDemand }
    var hasLedgerCalls: Bool { core.hasLedgerCalls }
    var isPaused: Bool { core.pauseEnd != nil }
    var isRunningAlone: Bool { core.isRunningAlone }
    var hasSuspect: Bool { core.solo != nil }
    var timeUntilTick: Duration? { core.timeUntilTick(now: now) }

    func hasWork(for node: Int) -> Bool { core.hasWork(for: node, now: now) }

    func nextBatch(for node: Int) -> NodeBatch? { core.nextBatch(for: node, now: now) }

    func takeLedgerCalls() -> [LedgerCall] { core.takeLedgerCalls() }

    func advance(by duration: Duration) {
        now.wall = now.wall + duration
        now.uptime = now.uptime + duration
    }

    // MARK: Nodes

    static func record(
        _ id: String, due: Duration, copy: Int = 0, copies: Int = 3, role: CopyRole = .alone, timeToRun: UInt32 = 30
    ) throws -> ByteBuffer {
        var bytes = ByteBuffer()
        EnvelopeTemplate(
            id: try JobID(id), fireTime: start + due, timeToRun: timeToRun, priority: 7, headers: [:],
            body: ByteBuffer(string: "body of \(id)")
        ).write(copy: copy, copies: copies, role: role, into: &bytes)
        return bytes
    }

    /// The process that a node is.
    static func server(_ node: Int) -> ServerID { ServerID(UInt64(100 + node)) }

    func side(of node: Int) -> Int { node + core.settings.nodes.count }

    func connect(_ link: Int) {
        core.answered(
            .probing, link: link, replies: [.using(.default)], isLost: false,
            generation: ConnectionGeneration(1, serverID: Self.server(core.node(of: link))), sentAt: now, now: now)
    }

    /// The side links are connected, as the main ones are from the start.
    func connectSideLinks() {
        for node in core.settings.nodes.indices { connect(side(of: node)) }
    }

    /// Commands for a link that are to be sent.
    func calls(on link: Int) -> [NodeCall.Kind] { core.links[link].calls.map(\.kind) }

    /// The node answers the core's next batch: its commands well, its reserves with the given jobs, then with nothing.
    ///
    /// - Parameter empty: what it answers to reserves where it has no job.
    /// - Returns: how long it is to be left alone, where it is.
    @discardableResult
    func answer(
        node: Int, reserved: [(UInt64, ByteBuffer)] = [], reserves empty: BeanstalkReply = .timedOut,
        after wait: Duration = .zero, replies replying: (NodeCall.Kind) -> BeanstalkReply? = { _ in nil }
    ) -> Duration? {
        let sentAt = now
        guard let batch = core.nextBatch(for: node, now: now) ?? afterRest(node) else { return nil }
        if batch == .probing {
            connect(node)
            return answer(node: node, reserved: reserved, after: wait, replies: replying)
        }
        advance(by: wait)
        var replies: [BeanstalkReply] = []
        for call in batch.calls {
            sent[node].append(call.kind)
            replies.append(replying(call.kind) ?? success(call.kind))
        }
        var jobs = reserved[...]
        for _ in 0..<batch.reserves {
            if let (id, bytes) = jobs.popFirst() {
                replies.append(.reserved(BeanstalkJobID(id), bytes))
            } else {
                replies.append(empty)
            }
        }
        let pause = core.answered(
            batch, link: node, replies: replies, isLost: false,
            generation: ConnectionGeneration(1, serverID: Self.server(core.node(of: node))), sentAt: sentAt, now: now)
        if !jobs.isEmpty { answer(node: node, reserved: Array(jobs), replies: replying) }
        collect()
        return pause
    }

    /// The node answers the core's next batch with these replies to its reserves.
    func feed(node: Int, _ replies: [BeanstalkReply]) {
        guard let batch = core.nextBatch(for: node, now: now) ?? afterRest(node) else { return }
        core.answered(
            batch, link: node, replies: batch.calls.map { success($0.kind) } + replies, isLost: false,
            generation: ConnectionGeneration(1, serverID: Self.server(core.node(of: node))), sentAt: now, now: now)
        collect()
    }

    /// What the node would be sent a moment later.
    private func afterRest(_ node: Int) -> NodeBatch? {
        guard case .until = core.links[node].rest else { return nil }
        core.links[node].rest = .over
        return core.nextBatch(for: node, now: now)
    }

    private func success(_ kind: NodeCall.Kind) -> BeanstalkReply {
        switch kind {
        case .delete: .deleted
        case .release: .released
        case .touch: .touched
        case .fetch: .notFound
        case .probe: .using(.default)
        case .peekNext, .lookAhead: .notFound
        case .bury, .buryAside: .buried(nil)
        case .inspect, .inspectAside: .ok(ByteBuffer(string: Self.statistics(kicks: kicks)))
        }
    }

    static func statistics(kicks: Int) -> String {
        """
        ---
        id: 1
        tube: default
        state: reserved
        pri: 9
        age: 1
        delay: 0
        ttr: 30
        time-left: 29
        file: 0
        reserves: 1
        timeouts: 0
        releases: 0
        buries: 1
        kicks: \(kicks)

        """
    }

    func lose(node: Int) {
        core.lost(link: node, now: now)
        collect()
    }

    /// A batch that is under way ends with its connection.
    func fail(link: Int) {
        guard let batch = core.nextBatch(for: link, now: now) ?? afterRest(link) else { return }
        core.answered(
            batch, link: link, replies: [], isLost: true, generation: ConnectionGeneration(1), sentAt: now, now: now)
        collect()
    }

    /// Answers everything that waits on any node.
    func answerAll() {
        for node in core.settings.nodes.indices { answer(node: node) }
    }

    // MARK: Ledger

    /// The ledger answers what the core has asked.
    ///
    /// - Parameter skew: how far its clock is ahead of the consumer's.
    func answerLedger(skew: Duration = .zero) {
        let calls = core.takeLedgerCalls()
        guard !calls.isEmpty else { return }
        let results: [Result<LedgerReply, DelayQueueError>] = calls.map { call in
            if isLedgerAway { return .failure(DelayQueueError(.ledgerUnavailable, "away")) }
            return .success(perform(call.operation, on: call.key, skew: skew))
        }
        core.ledgerAnswered(calls, results, sentAt: now, now: now)
        collect()
    }

    /// Any consumer's or producer's request.
    func perform(
        _ operation: LedgerRequest.Operation, on key: LedgerKey, skew: Duration = .zero
    ) -> LedgerReply {
        if case .board(let operation) = operation {
            let outcome = QueueBoard.apply(operation, to: board, now: now.wall + skew)
            board = outcome.board
            return outcome.reply
        }
        var timing = LedgerTiming()
        timing.lease = core.settings.lease
        let outcome = LedgerRecord.apply(
            LedgerRequest(key: key, operation: operation, timing: timing), to: records[key], now: now.wall + skew)
        records[key] = outcome.record
        return outcome.reply
    }

    /// Another consumer claims a job whose lease is over, or will have been by then.
    func takeOver(_ key: LedgerKey, by owner: ClaimOwner, attempt: Int = 1) -> LedgerReply {
        _ = perform(.endLease(owner, attempt: attempt, delay: .zero), on: key)
        return perform(.claim(owner), on: key)
    }

    // MARK: Application

    func tick() {
        core.tick(now: now)
        collect()
    }

    /// Until nobody waits for further copies of finished jobs.
    func passFinishedHorizon() {
        advance(by: core.settings.finishedHorizon)
        tick()
    }

    func settle(_ id: HeldJobID, _ settlement: Settlement, waiter: UInt64? = 1) {
        core.settle(id, settlement, waiter: waiter, now: now)
        collect()
    }

    private func collect() {
        effects += core.takeEffects()
    }

    /// Jobs handed to the application so far.
    var delivered: [(id: HeldJobID, attempt: Int, failures: JobFailures)] {
        effects.compactMap {
            if case .deliver(let id, _, let attempt, let failures) = $0 { (id, attempt, failures) } else { nil }
        }
    }

    var settled: [(settlement: Settlement, error: DelayQueueError.Code?)] {
        effects.compactMap {
            if case .settled(_, let settlement, _, let error) = $0 { (settlement, error?.code) } else { nil }
        }
    }

    /// What was done with jobs later than records last.
    var lateJobs: [LateJobPolicy] {
        effects.compactMap { if case .lateJob(_, _, let policy) = $0 { policy } else { nil } }
    }

    /// How often jobs that were fetched ahead were asked back.
    var recalls: Int {
        effects.count { if case .recall = $0 { true } else { false } }
    }

    var leasesLost: [HeldJobID] {
        effects.compactMap { if case .leaseLost(let id) = $0 { id } else { nil } }
    }

    var unverified: [SealProblem] {
        effects.compactMap { if case .unverifiedJob(_, _, let problem) = $0 { problem } else { nil } }
    }

    /// The sizes of records that were buried unread.
    var oversized: [Int] {
        effects.compactMap { if case .oversizedJob(_, _, let size) = $0 { size } else { nil } }
    }

    var warnings: [ConsumerCore.Warning] {
        effects.compactMap { if case .warning(let warning, _, _, _) = $0 { warning } else { nil } }
    }

    /// What was said of clocks.
    var changes: [FleetClock.Change] {
        effects.compactMap { if case .clocks(let change) = $0 { change } else { nil } }
    }

    var foreignCount: Int {
        effects.count { if case .foreignJob = $0 { true } else { false } }
    }

    var allSent: [NodeCall.Kind] { sent.flatMap { $0 } }
}
