package import Beanstalk
import DequeModule
import HeapModule
import PipelinedTransport

/// What a consumer decides, apart from all I/O.
///
/// Reserved copies come in, and so do answers of nodes and ledger, settlements and the passing of time; out go
/// commands for each node, requests for the ledger, and effects for the application. No clock, socket or task inside,
/// so a simulator can run it through any interleaving.
///
/// It cannot be copied: its jobs are objects that belong to it alone, and nothing that it is asked for each job copies
/// it.
package struct ConsumerCore: ~Copyable {
    package struct Settings: Sendable {
        package var queue: TubeName
        package var nodes: [BeanstalkNode]
        /// How long claims and records last.
        package var timing: LedgerTiming
        /// How long a claim lasts without renewal.
        package var lease: Duration { timing.lease }
        /// When a job whose lease ended runs again, and when a job is given up instead of run.
        package var retryPolicy = RetryPolicy()
        /// Copies due later than this are released with a delay.
        package var holdHorizon: Duration = .seconds(2)
        /// The most reservations on one connection beyond one for each job in the application's hands: beanstalkd's
        /// deletes slow down with their number.
        package var heldLimit = 1_500
        /// The most parked copies; more are released with a delay.
        package var parkedLimit = 500
        /// The most bytes of a record that is read; what is larger is buried.
        package var maximumRecordSize = RecordSize.defaultMaximum
        /// The most bytes of records that are held, but for what was asked for before they were. Each node has an equal share
        /// of them.
        package var maximumHeldBytes = RecordSize.defaultMaximumHeld
        /// The most bytes of records that one batch brings, where that is not less than the largest record.
        package var batchBytes = 1 << 20
        /// How long after a job is done further copies of it are expected.
        package var finishedHorizon: Duration = .seconds(5)
        /// How long a reserve waits on a connection that holds nothing, in seconds.
        package var idleBlock: UInt32 = 60
        /// How long a settlement is tried while the ledger is away.
        package var settleTimeout: Duration
        /// Which records are taken for jobs.
        package var seals = SealPolicy()
        /// Makes owners of this consumer unlike all others.
        package var ownerPrefix: String
        /// How the ledger record of a job that this consumer gave up names the consumer, and its queue's board does.
        package var name: String
        /// How often it checks in.
        package var checkInInterval: Duration = .seconds(1)
        /// What the board tells it from other consumers by.
        package var id: String { String(ownerPrefix.prefix { $0 != "." }) }
        /// What becomes of a job so late that its record may have run out.
        package var latePolicy = LateJobPolicy.bury
        /// What becomes of a record nobody here wrote.
        package var foreignPolicy = ForeignJobPolicy.bury
        /// Jobs are completed before they are delivered.
        package var isAtMostOnce = false
        /// So many jobs reserved, delivered or settled within 10 ms are a brisk pace, at which commands gather.
        package var briskSteps = 8

        package init(
            queue: TubeName, nodes: [BeanstalkNode], lease: Duration, maximumFailures: Int, settleTimeout: Duration,
            ownerPrefix: String, name: String
        ) {
            self.queue = queue
            self.nodes = nodes
            self.timing = LedgerTiming()
            self.timing.lease = lease
            self.retryPolicy.maximumFailures = maximumFailures
            self.settleTimeout = settleTimeout
            self.ownerPrefix = ownerPrefix
            self.name = name
        }
    }

    /// What the engine must tell the application, or count.
    package enum Effect {
        /// To be delivered, or with ``Settings/isAtMostOnce`` completed and to be delivered.
        case deliver(HeldJobID, JobContents, attempt: Int, failures: JobFailures)
        /// Jobs that were fetched ahead, and that the application has not taken, are to be given back.
        case recall
        /// A settlement ended; nil where nobody waits. The error is nil on success.
        case settled(HeldJobID, Settlement, waiter: UInt64?, DelayQueueError?)
        /// Another owner may run the job from now on.
        case leaseLost(HeldJobID)
        case buried(JobID, reason: String, isAutomatic: Bool)
        /// This was done with a record nobody here wrote.
        case foreignJob(node: Int, BeanstalkJobID, ForeignJobPolicy)
        /// A job without a record came later than records last, and this was done with it, or with one of its copies.
        case lateJob(LedgerKey, lateness: Duration, LateJobPolicy)
        /// A copy that nothing proves to be a producer's was buried.
        case unverifiedJob(node: Int, BeanstalkJobID, SealProblem)
        /// A record larger than is read was buried.
        case oversizedJob(node: Int, BeanstalkJobID, size: Int)
        case duplicateCopy
        /// The ledger can never work as configured.
        case misconfigured(DelayQueueError)
        case warning(Warning, JobID?, node: Int?, DelayQueueError?)
        /// The queue was paused, or is no more.
        case paused(Bool)
        /// The ledger told its time; the wall clock is ahead of it by so much.
        case timeTold(skew: Duration)
        /// The wall clock and the ledger's do not agree, or agree again.
        case clocks(FleetClock.Change)
    }

    /// What somebody should know of, as the log words it.
    package enum Warning: String {
        case claimRefused = "the ledger refused a claim; the job waits and is claimed again"
        case runningAlone =
            "a job whose lease ended twice runs alone in this process, in case it is one that ends processes"
        case claimMisanswered = "the ledger answered a claim with something else; the job is claimed again"
        case checkInRefused =
            "the ledger refused to keep that this consumer is there, and does not tell it whether the queue is paused"
        case copyStuck =
            "a node is out of memory or disk and did not take a copy back: it is stuck until the node restarts"
        case nodeSilent =
            "a node does not answer though it is connected: it may hang; jobs it has run from their standbys meanwhile"
        case releaseMisanswered = "a node answered with something else when a copy was given back to it"
        case shareIsFull =
            "jobs of a node fill its share of maximumHeldBytes; it is asked for more as they end. This is told once"
    }

    /// A job to look at when the uptime reaches an instant, if that is its ``HeldJob/alarmAt`` by then.
    struct Alarm: Comparable {
        let at: Uptime
        let job: HeldJobID

        static func < (a: Alarm, b: Alarm) -> Bool { a.at < b.at }
    }

    struct GoneServer: Equatable {
        let id: ServerID
        /// Until then its leads are missed.
        var until: Uptime
    }

    struct DueJob: Comparable {
        let due: Timestamp
        let job: HeldJobID

        static func < (a: DueJob, b: DueJob) -> Bool { (a.due, a.job) < (b.due, b.job) }
    }

    package let settings: Settings
    /// Server processes that are gone, and of whose leads none was seen since, while standbys tell of them now and then.
    var goneServers: [GoneServer] = []
    /// The main link to each node, then the side link to each.
    var links: [Link]
    var jobs: HeldJobs
    var finishedJobs = FinishedJobs()
    /// By which it is decided what is due.
    package var clock = FleetClock()
    var dueHeap: Heap<DueJob> = []
    var lastDelivery: Uptime?
    var pace: GatheringPace
    var alarms: Heap<Alarm> = []
    var ledgerCalls: [LedgerCall] = []
    /// Which copies are gone: sent with the ledger's next calls, or a little later.
    var forgets: [LedgerCall] = []
    var forgetsAt: Uptime?
    var effects: [Effect] = []

    /// Jobs the application will take soon, beyond those it was given already.
    var demand = 0
    var isDraining = false
    /// The suspect that is to run, or runs, alone.
    var solo: SoloRun?
    /// This process has the queue's turn: it takes nothing but the suspect.
    var isRunningAlone = false
    /// Until then the queue is paused, as far as the ledger has told; nil where it is not.
    var pauseEnd: Uptime?
    /// The ledger has not told yet whether it is.
    var isAwaitingWord = false
    var nextCheckIn: Uptime?
    var isCheckingIn = false
    var mustCheckInAgain = false
    var isCheckInRefused = false
    /// The queue's board shows this consumer.
    var isOnBoard = false
    var isCheckingOut = false
    var load = (limit: 0, waiting: 0)
    var beganAt: Uptime?
    /// How many jobs were completed, and how many had been at each of the last check-ins.
    var completed = 0
    var completions: Deque<(at: Uptime, count: Int)> = []
    /// Before that the queue's turn is not asked for again.
    var nextTurnAt: Uptime?
    /// How often this process had the turn in vain, since it last had room.
    var turnTries = 0
    /// How often in a row the ledger did not answer. While it is away, nothing is reserved.
    var ledgerFailures = 0
    /// When it was asked first what it did not answer.
    var ledgerAwaySince: Uptime?
    /// When it was asked last what it answered.
    var ledgerReachedAt: Uptime?
    /// It says that it is back; one claim finds out whether it serves.
    var isLedgerAnswering = false
    var nextHeartbeat: Uptime?
    private var lastOwner: UInt64 = 0
    /// How often a claim is renewed.
    let renewalInterval: Duration
    /// How many microseconds a job may be late before its record may have run out.
    let latestOfKnownCopies: Int64
    let latestOfUnknownCopies: Int64
    /// How long a dead job's copy goes back for at most, in seconds.
    let longestDeadDelay: UInt32

    package init(settings: Settings) {
        self.settings = settings
        self.links = Array(repeating: Link(), count: settings.nodes.count * 2)
        self.jobs = HeldJobs(nodes: settings.nodes.count)
        self.pace = GatheringPace(threshold: settings.briskSteps)
        self.renewalInterval = settings.lease / 3
        self.latestOfKnownCopies = settings.timing.latestWithoutRecord(ofCopies: 1).wholeMicroseconds
        self.latestOfUnknownCopies = settings.timing.latestWithoutRecord(ofCopies: 0).wholeMicroseconds
        self.longestDeadDelay = Self.longestDeadDelay(settings.timing)
    }

    // MARK: Life

    /// Stops reserving and gives back what was not delivered; jobs the application holds go on.
    package mutating func drain(now: Moment) {
        guard !isDraining else { return }
        isDraining = true
        demand = 0
        dropExpired(nil, now: now)
        sendForgets()
        handOn(now: now)
        runSuspect(now: now)
    }

    /// Gives back what waits here unclaimed. A grant that is under way is given back when it arrives.
    ///
    /// - Parameter kept: stays.
    mutating func handOn(but kept: HeldJobID? = nil, now: Moment) {
        for (id, job) in jobs where id != kept {
            switch job.phase {
            case .inspecting where job.isForeign:
                // Its priority is needed to release it, and is on its way.
                break
            case .holding, .parked, .inspecting:
                releaseAll(id, delay: secondsUntilDue(job, now: now))
            case .claiming, .verifying, .claimed, .settling:
                break
            }
        }
    }

    /// Begins to reserve once the ledger has told whether the queue is paused. It is asked at once, and with that a wrong
    /// password is known before the first job.
    package mutating func resume(now: Moment) {
        isDraining = false
        ledgerIsReached()
        for link in links.indices {
            links[link].isAway = false
            links[link].isBehind = false
        }
        isAwaitingWord = true
        checkIn(now: now)
    }

    /// Nothing is held, nothing is on its way, and the ledger knows that nobody is there.
    package var isIdle: Bool { isAtRest && !isLeaving }

    /// Nothing is held, and nothing is on its way.
    var isAtRest: Bool {
        jobs.isEmpty && finishedJobs.isEmpty && ledgerCalls.isEmpty && forgets.isEmpty
            && links.allSatisfy(\.calls.isEmpty)
    }

    /// Whether a connection may be dropped with no other effect than what is wanted: all that waits to be sent
    /// is to put copies back in the queue, which the end of a connection does too.
    package func mayDisconnect(from link: Int) -> Bool {
        jobs.heldCopies[link] == 0
            && links[link].calls.allSatisfy { if case .release(_, _, delay: 0) = $0.kind { true } else { false } }
    }

    /// How many copies are held on all nodes.
    package var heldCopies: Int { jobs.heldCopies.reduce(0, +) }

    /// Gives back the jobs the application still holds; settling them fails from now on.
    package mutating func giveUpSettling(now: Moment) {
        for (id, job) in jobs {
            guard case .claimed = job.phase else { continue }
            settle(id, .giveBack(after: .zero), waiter: nil, now: now)
        }
    }

    /// Jobs of which this consumer has a claim that the ledger does not know to be over, and of whose end nobody is told.
    package var jobsLeftToTheirLeases: [JobID] {
        jobs.compactMap { entry in
            switch entry.job.phase {
            case .settling(_, let pending) where pending.waiter != nil: nil
            case .claimed, .settling, .verifying: entry.job.isForeign ? nil : entry.job.id
            // What is being claimed may be granted unheard: then its lease ends, as after a crash.
            case .holding, .parked, .inspecting, .claiming: nil
            }
        }
    }

    // MARK: Output

    package var hasLedgerCalls: Bool { !ledgerCalls.isEmpty || mustCheckOut }

    /// Whether the ledger failed to answer last time.
    package var isLedgerAway: Bool { ledgerFailures > 0 }

    package mutating func takeLedgerCalls() -> [LedgerCall] {
        checkOutIfDue()
        if !ledgerCalls.isEmpty { sendForgets() }
        defer { ledgerCalls.removeAll() }
        return ledgerCalls
    }

    package mutating func takeEffects() -> [Effect] {
        defer { effects.removeAll() }
        return effects
    }

    // MARK: Helpers

    /// A token made afresh for each claim request, so that only a repeat of the same request is granted again.
    mutating func makeOwner() -> ClaimOwner {
        lastOwner += 1
        return ClaimOwner(unchecked: settings.ownerPrefix + String(lastOwner, radix: 36))
    }

    func secondsUntilDue(_ job: HeldJob, now: Moment) -> UInt32 {
        PutDelay.releaseSeconds(until: job.due, now: clock.time(now))
    }

    /// Gives every copy of a job back to its node and lets go of the job.
    mutating func releaseAll(_ id: HeldJobID, delay: UInt32) {
        releaseCopies(of: id, delay: delay)
        jobs.remove(id)
    }

    mutating func releaseCopies(of id: HeldJobID, delay: UInt32 = 0) {
        let copies = jobs.takeCopies(of: id)
        let hasLead = copies.contains { !$0.isStandby }
        for copy in copies {
            let delay = copy.isStandby && hasLead ? StandbyDelay.after(delay) : delay
            send(
                .release(copy.id, priority: copy.priority, delay: links[copy.link].isDegraded ? 0 : delay),
                to: copy.link, for: id)
        }
    }

    mutating func send(_ kind: NodeCall.Kind, to link: Int, for job: HeldJobID?) {
        links[link].calls.append(NodeCall(kind: kind, job: job))
        if case .delete = kind { return }
        links[link].hasUrgentCalls = true
    }

    mutating func ask(_ operation: LedgerRequest.Operation, _ id: HeldJobID) {
        guard let key = jobs[id]?.key else { return }
        ledgerCalls.append(LedgerCall(job: id, key: key, operation: operation))
    }
}

extension ConsumerCore {
    var claimsUnderway: Int { jobs.counts.claims }

    var jobsInHand: Int { jobs.counts.inHand }

    /// Jobs whose copies can go once the ledger has answered.
    var settlementsUnderway: Int { jobs.counts.settlements }

    var parkedCopies: Int { jobs.counts.parkedCopies }

    var queuedJobs: Int { jobs.counts.queued }
}
