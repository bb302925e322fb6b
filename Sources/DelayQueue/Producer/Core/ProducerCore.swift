package import Beanstalk
import DequeModule
import PipelinedTransport

/// Decides everything a producer does: which jobs travel together and to which nodes, which are accepted, what is taken
/// back, and what callers are told.
///
/// Inputs in, actions out. A call is some jobs of one caller. Those that have gathered when the producer looks are
/// written together: single jobs share one write, so that each node gets one batch; a call of many has a write of its
/// own. Whatever a write leaves behind of jobs that were not accepted is taken back by a removal, as is a job that is
/// revoked.
package struct ProducerCore {
    /// Chosen by whoever hands the call in, who knows the caller by it.
    package typealias CallID = UInt64
    package typealias WriteID = UInt64
    package typealias RemovalID = UInt64
    package typealias ConfirmationID = UInt64

    /// What is to be done. The order counts.
    package enum Action {
        /// Send to these nodes at the same time, and answer for each by ``answered(_:_:now:)``.
        case send([NodeCommands])
        /// End the waits for a write's puts. They are answered with what has come by now; replies that still come are
        /// told by ``arrivedLate(_:at:_:)``.
        case stopWaiting(WriteID)
        /// Ask the ledger, and answer by ``ledgerAnswered(_:_:sentAt:now:)``.
        case ask([LedgerRequest], Question)
        /// The time is known as well as it can be, for now.
        case timeIsSettled
        /// The wall clock and the ledger's do not agree, or agree again.
        case clocks(FleetClock.Change)
        case answer(CallID, [Result<Receipt, DelayQueueError>])
        case answerRevocation(CallID, Result<RevokeOutcome, DelayQueueError>)
        /// The node is not waited for until it answers.
        case nodeIsSlow(Int)
        /// A node did not store, or perhaps not, the leads of so many accepted jobs: they are late by up to two seconds.
        case leadsLost(Int, node: Int)
    }

    package enum Question: Sendable {
        /// Whether jobs may be written whose ids may have been used before: those of the call that are not fresh.
        case ids(CallID, [PreparedJob])
        /// Whether what was written is the job of its id.
        case confirmation(ConfirmationID)
        case removal(RemovalID)
        /// What time it is. Nobody waits for the answer when the producer is closed.
        case time
    }

    struct Call {
        let jobs: [PreparedJob]
        var results: [Result<Receipt, DelayQueueError>?]
        var unanswered: Int
        /// The write its jobs are in; nil before that.
        var write: WriteID?
        /// The ledger has been told of those jobs of it whose ids are the caller's own.
        var isRegistered = false

        init(_ jobs: [PreparedJob]) {
            self.jobs = jobs
            results = Array(repeating: nil, count: jobs.count)
            unanswered = jobs.count
        }

        func written(in write: WriteID) -> Call {
            var call = self
            call.write = write
            return call
        }
    }

    let nodes: [BeanstalkNode]
    let queue: TubeName
    let configuration: ProducerConfiguration
    let hasLedger: Bool
    var calls: [CallID: Call] = [:]
    /// Calls whose jobs are to be written, in the order they came.
    var gathered: [CallID] = []
    var writes: [WriteID: Write] = [:]
    /// Writes that are over, of which answers may still come.
    var lateWrites: [WriteID: LateWrite] = [:]
    var removals: [RemovalID: Removal] = [:]
    /// Jobs that were stored often enough, of which the ledger has the last word.
    var confirmations: [ConfirmationID: [Confirmation]] = [:]
    /// Nodes that missed a grace, and have not answered since.
    var isSlow: [Bool]
    /// The connection to each node, as its last answer told of it.
    var generations: [ConnectionGeneration?]
    /// Graces in the order they end, numbered for each write.
    private var graces: Deque<(end: Uptime, write: WriteID, number: Int)> = []
    /// By which dates and delays are reckoned.
    package private(set) var clock = FleetClock()
    private var nextTimeRequest: Uptime?
    /// Until then callers wait for the ledger to tell its time; nil before the first of them, and once it is settled.
    private var timeWaitEnds: Uptime?
    private var isTimeSettled = false
    private(set) var isClosed = false
    private var lastID: UInt64 = 0
    var actions: [Action] = []
    /// Carried out before all else: callers on other threads go on while what is left is sent.
    private var answers: [Action] = []

    package init(nodes: [BeanstalkNode], queue: TubeName, configuration: ProducerConfiguration, hasLedger: Bool) {
        self.nodes = nodes
        self.queue = queue
        self.configuration = configuration
        self.hasLedger = hasLedger
        isSlow = nodes.map { _ in false }
        generations = nodes.map { _ in nil }
    }

    mutating func makeID() -> UInt64 {
        lastID += 1
        return lastID
    }

    package mutating func takeActions() -> [Action] {
        defer {
            actions.removeAll()
            answers.removeAll()
        }
        return answers.isEmpty ? actions : answers + actions
    }

    /// No call is under way, and nothing is being written or taken back.
    package var isIdle: Bool { calls.isEmpty && writes.isEmpty && removals.isEmpty }

    // MARK: Calls

    /// A caller has jobs to be written, as many as go into one write; at least one.
    package mutating func call(_ id: CallID, _ jobs: [PreparedJob]) {
        if isClosed {
            let error = DelayQueueError(.closed, "the producer is closed; nothing was written")
            answers.append(.answer(id, jobs.map { _ in .failure(error) }))
            return
        }
        calls[id] = Call(jobs)
        let used = hasLedger ? jobs.filter { !$0.hasFreshID } : []
        if used.isEmpty {
            gathered.append(id)
        } else {
            actions.append(.ask(used.map(registration), .ids(id, used)))
        }
    }

    func key(of job: PreparedJob) -> LedgerKey {
        job.isNative
            ? LedgerKey(queue: queue, id: job.id, edition: job.registration?.edition) : LedgerKey(goQueue: job.id)
    }

    /// The caller waits no more: its jobs are refused, unless enough nodes have stored them already. Jobs of others
    /// that travel with them go on.
    package mutating func cancel(_ id: CallID, now: Moment) {
        guard let call = calls[id] else { return }
        if let write = call.write { return cancel(id, in: write, now: now) }
        calls[id] = nil
        answers.append(.answer(id, call.results.map { $0 ?? .failure(.cancelledUnwritten) }))
        if call.isRegistered { withdrawUnwritten(zip(call.jobs, call.results).filter { $1 == nil }.map(\.0)) }
    }

    /// Takes an accepted job back.
    package mutating func revoke(_ id: CallID, _ receipt: Receipt) {
        if isClosed { return refuseRevocation(id) }
        beginRevocation(of: receipt, for: id)
    }

    /// Takes back whichever job an id of somebody's own means.
    package mutating func revoke(_ id: CallID, _ jobID: JobID) {
        if isClosed { return refuseRevocation(id) }
        guard hasLedger else {
            return actions.append(
                .answerRevocation(
                    id,
                    .failure(
                        DelayQueueError(
                            .invalidConfiguration,
                            "without a ledger a job is revoked by its receipt, as nobody knows where copies of an id are"
                        ))
                ))
        }
        beginRevocation(ofID: jobID, for: id)
    }

    private mutating func refuseRevocation(_ id: CallID) {
        actions.append(
            .answerRevocation(id, .failure(DelayQueueError(.closed, "the producer is closed; nothing was revoked"))))
    }

    /// Takes no more calls; those under way go on.
    package mutating func close() {
        isClosed = true
        timeSettled()
    }

    // MARK: The time

    /// How long the first callers wait for the ledger's time, and how often it is asked for.
    private static let timeWait = Duration.milliseconds(250)
    private static let timeIntervals = (afterAnswer: Duration.seconds(60), afterFailure: Duration.seconds(5))

    /// A caller is about to reckon with the time.
    ///
    /// - Returns: whether it is known as well as it can be; else ``Action/timeIsSettled`` will say when.
    package mutating func settleTime(now: Moment) -> Bool {
        if isTimeSettled || !hasLedger || isClosed { return true }
        if timeWaitEnds == nil {
            timeWaitEnds = now.uptime + Self.timeWait
            askTime(now: now)
        }
        return false
    }

    private mutating func askTime(now: Moment) {
        nextTimeRequest = now.uptime + Self.timeIntervals.afterAnswer
        let key = LedgerKey(queue: queue, id: JobID(unchecked: "-"))
        actions.append(
            .ask([LedgerRequest(key: key, operation: .time, timing: configuration.timing)], .time))
    }

    private mutating func timeAnswered(_ result: Result<LedgerReply, DelayQueueError>?, sentAt: Moment, now: Moment) {
        if case .success(.time(let time))? = result {
            clock.learn(time, sentAt: sentAt.uptime, now: now.uptime)
            if let change = clock.compare(now) { actions.append(.clocks(change)) }
        } else {
            nextTimeRequest = now.uptime + Self.timeIntervals.afterFailure
        }
        timeSettled()
    }

    private mutating func timeSettled() {
        timeWaitEnds = nil
        if !isTimeSettled { actions.append(.timeIsSettled) }
        isTimeSettled = true
    }

    // MARK: The ledger

    /// - Parameter results: a reply for each request, in its place.
    package mutating func ledgerAnswered(
        _ question: Question, _ results: [Result<LedgerReply, DelayQueueError>], sentAt: Moment, now: Moment
    ) {
        var results = results
        if isClosed {
            // Only closing the producer has ended these waits, so that is what the callers are told.
            for (index, result) in results.enumerated() {
                guard case .failure(let error) = result, error.code == .cancelled else { continue }
                results[index] = .failure(
                    DelayQueueError(.closed, "the producer was closed before the ledger answered"))
            }
        }
        switch question {
        case .ids(let call, let jobs): idsAnswered(call, jobs, results)
        case .confirmation(let confirmation): confirmed(confirmation, results)
        case .removal(let removal): removalAnswered(removal, results)
        case .time: timeAnswered(results.first, sentAt: sentAt, now: now)
        }
    }

    /// One of a call's jobs is accepted or refused; with the last of them the caller is told.
    mutating func conclude(_ id: CallID, _ position: Int, _ result: Result<Receipt, DelayQueueError>) {
        guard var call = calls.removeValue(forKey: id) else { return }
        call.results[position] = result
        call.unanswered -= 1
        putBack((id, call))
    }

    mutating func putBack(_ call: (id: CallID, call: Call)?) {
        guard let (id, call) = call else { return }
        if call.unanswered > 0 {
            calls[id] = call
        } else {
            answers.append(.answer(id, call.results.map { $0 ?? .failure(.cancelledUnwritten) }))
        }
    }

    // MARK: Writing

    package var hasGathered: Bool { !gathered.isEmpty }

    /// Begins to write what has gathered.
    ///
    /// - Parameter health: what connections say of themselves, by node.
    package mutating func write(
        health: [NodeChoice.Health], now: Moment, using generator: inout some RandomNumberGenerator
    ) {
        if let next = nextTimeRequest, next <= now.uptime { askTime(now: now) }
        let waiting = gathered
        gathered.removeAll(keepingCapacity: true)
        var health = health
        for node in health.indices { health[node].isSlow = isSlow[node] }
        var shared: [Write.Entry] = []
        var size = WriteSize()
        for id in waiting {
            guard let call = calls[id] else { continue }
            if call.jobs.count > 1 {
                let entries = call.jobs.indices.filter { call.results[$0] == nil }.map {
                    Write.Entry(job: call.jobs[$0], call: id, position: $0)
                }
                begin(entries, isChoiceShared: false, health: &health, now: now, using: &generator)
                continue
            }
            shared.append(Write.Entry(job: call.jobs[0], call: id, position: 0))
            size.add(recordSize: call.jobs[0].recordSize)
            if size.isFull {
                begin(shared, isChoiceShared: true, health: &health, now: now, using: &generator)
                shared = []
                size = WriteSize()
            }
        }
        if !shared.isEmpty { begin(shared, isChoiceShared: true, health: &health, now: now, using: &generator) }
    }

    // MARK: Time

    /// When ``tick(now:)`` is to come; nil where nothing waits for a time.
    package mutating func nextTick() -> Uptime? {
        while let grace = graces.first, writes[grace.write]?.fanOut.graceNumber != grace.number { graces.removeFirst() }
        guard let end = timeWaitEnds else { return graces.first?.end }
        return min(end, graces.first?.end ?? end)
    }

    package mutating func tick(now: Moment) {
        if let end = timeWaitEnds, end <= now.uptime { timeSettled() }
        while let grace = graces.first, grace.end <= now.uptime {
            graces.removeFirst()
            if writes[grace.write]?.fanOut.graceNumber == grace.number { graceOver(grace.write, now: now) }
        }
    }

    mutating func startGrace(of write: Write, _ id: WriteID, now: Moment) {
        graces.append((now.uptime + configuration.stragglerGrace, id, write.fanOut.graceNumber))
    }
}

extension DelayQueueError {
    static var cancelledUnwritten: DelayQueueError {
        DelayQueueError(.cancelled, "the task was cancelled; nothing was written")
    }
}
