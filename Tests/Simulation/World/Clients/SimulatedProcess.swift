import DelayQueue

/// A process with a clock of its own, that can stand still, die, and ask the ledger.
class SimulatedProcess {
    /// One batch of requests on its way to the ledger and back.
    private final class Exchange {
        let requests: [LedgerRequest]
        let sentAt: Int64
        /// When the ledger carried out a check-in that is among them.
        var checkedInAt: Int64?
        private var waiter: (([Result<LedgerReply, DelayQueueError>]) -> Void)?

        init(
            _ requests: [LedgerRequest], sentAt: Int64,
            waiter: @escaping ([Result<LedgerReply, DelayQueueError>]) -> Void
        ) {
            self.requests = requests
            self.sentAt = sentAt
            self.waiter = waiter
        }

        var isOver: Bool { waiter == nil }

        func answer(_ results: [Result<LedgerReply, DelayQueueError>]) {
            waiter?(results)
            waiter = nil
        }

        func fail(_ code: DelayQueueError.Code = .ledgerUnavailable) {
            answer(requests.map { _ in .failure(DelayQueueError(code, "")) })
        }
    }

    private static let ledgerTimeout: Int64 = 5_000_000

    /// Tells this process from all others, earlier ones of the same place included.
    let identity: Int
    unowned let world: World
    /// What is dead waits for nothing.
    var isAlive = false {
        didSet { if !isAlive { forgetExchanges() } }
    }
    private var pausedUntil: Int64 = 0
    /// The machine it runs on, whose clock it reads.
    var host = Host()
    /// The latest time its clock ever showed.
    private var latestClock: Int64 = 0
    private var lastRequest: Int64 = 0
    private var lastReply: Int64 = 0
    /// When the last of the requests arrives whose answers were lost: they may be overtaken.
    private(set) var lastStray: Int64 = 0
    private var exchanges: [Exchange] = []
    /// Until then it alone can not reach the ledger.
    private var cutOffUntil: Int64 = 0
    /// Nothing tells it so but that no answer comes.
    private var isCutOffSilently = false
    /// When it sent the first request in vain while it is cut off.
    private(set) var unansweredSince: Int64?

    init(world: World, identity: Int? = nil) {
        self.world = world
        self.identity = identity ?? world.makeConnection()
    }

    // MARK: Time

    /// Reads both clocks.
    var moment: Moment {
        let wall = host.clock.time(world.now)
        latestClock = max(latestClock, wall)
        return Moment(wall: Timestamp(microseconds: wall), uptime: Uptime(microseconds: world.now))
    }

    var latestReading: Int64 { max(latestClock, moment.wall.microseconds) }

    func setClock(ahead offset: Int64) {
        world.note("clock of process \(identity) is \(offset) µs ahead")
        _ = moment
        host.clock.offset = offset
    }

    /// It notices nothing until it goes on; what arrives meanwhile waits.
    func pause(for duration: Int64) {
        guard isAlive else { return }
        world.count(self is SimulatedProducer ? .producerPause : .consumerPause)
        world.note("process \(identity) pauses for \(duration)")
        pausedUntil = max(pausedUntil, world.now + duration)
    }

    /// Whether it ran all of the last while.
    func isAwake(for duration: Int64) -> Bool { isAlive && pausedUntil < world.now - duration }

    /// Carries out an input when the process runs, and never once it is dead.
    func act(_ input: @escaping () -> Void) {
        guard isAlive else { return }
        if world.now < pausedUntil {
            world.after(pausedUntil - world.now) { [self] in act(input) }
        } else {
            input()
        }
    }

    // MARK: Ledger

    /// Asks the ledger. Now and then a request is carried out and its answer lost; or it comes late, or never.
    func ask(
        _ requests: [LedgerRequest], then: @escaping ([Result<LedgerReply, DelayQueueError>]) -> Void
    ) {
        var checkedInAt: () -> Int64? = { nil }
        let exchange = Exchange(requests, sentAt: world.now) { [self] results in
            act { [self] in
                if let time = checkedInAt(), results.contains(where: { (try? $0.get()) != nil }) {
                    world.judge.told(consumer: identity, at: time)
                }
                if results.contains(where: { (try? $0.get()) != nil }) { unansweredSince = nil }
                then(results)
            }
        }
        checkedInAt = { [weak exchange] in exchange?.checkedInAt }
        exchanges.removeAll(where: \.isOver)
        exchanges.append(exchange)
        if world.now < cutOffUntil {
            if unansweredSince == nil { unansweredSince = world.now }
            world.note("process \(identity) asks in vain: \(requests.map(\.operation))")
            let notices = isCutOffSilently ? Self.ledgerTimeout : world.latency()
            world.after(notices) { exchange.fail() }
            return
        }
        let fate = world.isHealed ? 100 : world.random.below(100)
        var arrival = max(world.now + world.latency(), lastRequest)
        switch fate {
        case 0, 1, 2:
            world.count(.replyLost)
            if fate == 0 { arrival += world.random.time(8_000_000) }
            let lost = world.now + world.latency() * 2
            world.after(lost - world.now) { exchange.fail() }
            if fate < 2 {
                lastStray = max(lastStray, arrival)
                world.after(arrival - world.now) { [self] in reach(exchange) }
            }
        default:
            lastRequest = arrival
            world.after(arrival - world.now) { [self] in reach(exchange) }
        }
    }

    /// It can not reach the ledger for a while, which is well.
    func cutOff(isSilent: Bool, for duration: Int64) {
        guard isAlive else { return }
        world.count(.cutOff)
        world.note("process \(identity) is cut off from the ledger for \(duration)")
        cutOffUntil = world.now + duration
        unansweredSince = nil
        isCutOffSilently = isSilent
    }

    /// For how long it has been asking in vain.
    var isCutOffFor: Int64 { world.now < cutOffUntil ? unansweredSince.map { world.now - $0 } ?? 0 : 0 }

    /// Each exchange under way holds on to its process, and would keep it for ever.
    func forgetExchanges() {
        exchanges = []
    }

    /// Waits for no answer any more; what was asked may be carried out all the same.
    func endAsking() {
        let ended = exchanges
        exchanges = []
        world.after(1) { for exchange in ended { exchange.fail(.cancelled) } }
    }

    private func reach(_ exchange: Exchange) {
        guard world.ledger.isUp else {
            world.after(world.latency()) { exchange.fail() }
            return
        }
        if world.ledger.isHung {
            world.ledger.inbox.append { [self] in reach(exchange) }
            world.after(exchange.sentAt + Self.ledgerTimeout - world.now) { exchange.fail() }
            return
        }
        let results = exchange.requests.map { request -> Result<LedgerReply, DelayQueueError> in
            if request.key == LedgerKey(suspectsOf: .default) {
                let reply = world.ledger.performTurn(request, now: world.now, judge: &world.judge)
                world.note("process \(identity) \(request.operation): \(reply)")
                return .success(reply)
            }
            if case .board(let operation) = request.operation {
                let reply = world.ledger.perform(operation, now: world.now, judge: &world.judge)
                world.note("process \(identity) \(operation): \(reply)")
                exchange.checkedInAt = world.now
                return .success(reply)
            }
            if case .time = request.operation { return .success(.time(world.ledger.time(world.now))) }
            guard let job = world.ledger.number(of: request.key) else { return .success(.absent) }
            let reply = world.ledger.perform(
                request, job: job, now: world.now, judge: &world.judge)
            world.note("process \(identity) \(request.operation) \(request.key): \(reply)")
            world.count(request.operation, reply)
            return .success(reply)
        }
        lastReply = max(world.now + world.latency(), lastReply)
        world.after(lastReply - world.now) { exchange.answer(results) }
    }
}
