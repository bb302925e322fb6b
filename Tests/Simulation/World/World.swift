import Beanstalk
import DelayQueue
import HeapModule
import PipelinedTransport
import TestSupport

/// Producers and consumers against simulated nodes and a simulated ledger, in a run decided by a seed.
///
/// Everything that can be late, lost or dead is, at times the seed chooses. When the trouble is over the world is left
/// alone long enough to settle. A ``Judge`` watches all of it.
package final class World {
    private struct Ticket: Comparable {
        let at: Int64
        let order: Int
        let slot: Int

        static func < (a: Ticket, b: Ticket) -> Bool { (a.at, a.order) < (b.at, b.order) }
    }

    package static let start: Int64 = 1_800_000_000_000_000

    let options: WorldOptions
    var random: SeededGenerator
    private(set) var now = World.start
    private var tickets: Heap<Ticket> = []
    private var actions: [(() -> Void)?] = []
    private var freeSlots: [Int] = []
    private var lastOrder = 0
    private var lastConnection = 0

    let nodes: [SimulatedNode]
    let addresses: [BeanstalkNode]
    let ledger: SimulatedLedger
    let consumerHosts: [Host]
    let producerHost = Host()
    var gates: [NodeGate] = []
    var consumers: [SimulatedConsumer] = []
    var producer: SimulatedProducer?
    package var judge: Judge
    package internal(set) var faults = FaultCount()
    package internal(set) var deliveries = 0
    package private(set) var steps = 0
    var isHealed = false
    /// All jobs have ended, and so do the consumers.
    private(set) var isResting = false

    /// What happened, in words; kept only to be read, because it costs time.
    package var keepsHistory = false
    package private(set) var history: [String] = []

    // The workload's own books.
    /// By id and edition.
    var jobNumbers: [LedgerKey: Int] = [:]
    var fireTimes: [Int64] = []
    var failuresLeft: [Int] = []
    /// How many more jobs may end their processes. Each is tried alone three times, one after the other.
    var poisonLeft = 0
    var callsUnderway = 0
    /// Callers that will ask again in a while.
    var callersWaiting = 0
    var foreignLeft: Int?
    /// A job that is scheduled when all is well.
    var mustBeAccepted: Int?

    package init(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        options = WorldOptions(using: &random)
        // One node at most loses data: a job whose copies all went with their nodes proves nothing.
        let forgetful = random.below(options.nodes * 2)
        let isLagging = random.chance(3)
        nodes = (0..<options.nodes).map { node in
            SimulatedNode(node, log: node == forgetful ? (isLagging ? .lagging : .none) : .synced)
        }
        addresses = (0..<options.nodes).map {
            BeanstalkNode(address: .hostname("node", port: 11300 + $0), tube: .default)
        }
        ledger = SimulatedLedger(clock: options.ledgerClock)
        consumerHosts = (0..<options.consumers).map { _ in Host() }
        for host in consumerHosts { host.clock = options.consumerClock(using: &random) }
        producerHost.clock = options.producerClock
        judge = Judge(
            timing: WorldOptions.timing, isAtMostOnce: options.isAtMostOnce, latePolicy: options.latePolicy)
        judge.isQuiet = options.faults == 0 && !options.ledgerForgets && options.clocks == .none
        poisonLeft = options.hasPoison ? 2 : 0
        judge.drift = options.ledgerClock.drift == 0 ? 0 : 20_000
        judge.mayMissLateness = options.clocks.isLedgerWrong || options.clocks.areConsumersWrong
        // A copy is ready a second ahead, and held for two.
        judge.isLedgerClockBehind = options.clocks.isLedgerWrong || options.ledgerClock.offset < -900_000
        // A producer with a ledger goes by that one's clock, for a minute after it was set back too.
        judge.isProducerAhead =
            options.producerClock.offset > 0 || options.producerHasLedger && options.ledgerClock.offset > 0
        if options.faults == 0, !options.isBusy, !options.hasPoison, options.consumersStartAfter == 0,
            options.clocks != .all
        {
            // Producers are a minute slow; a ledger that is behind is believed for one, and again after each step.
            judge.latestStart = options.clocks.isLedgerWrong ? 130_000_000 : 80_000_000
        }
        self.random = random
        gates = nodes.map { NodeGate(server: $0, world: self) }
        consumers = (0..<options.consumers).map { SimulatedConsumer(index: $0, world: self) }
        producer = SimulatedProducer(world: self)
    }

    // MARK: Time

    func after(_ delay: Int64, _ action: @escaping () -> Void) {
        lastOrder += 1
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            actions[slot] = action
        } else {
            slot = actions.count
            actions.append(action)
        }
        tickets.insert(Ticket(at: now + max(delay, 0), order: lastOrder, slot: slot))
    }

    /// How long a message is on its way: mostly short, now and then long enough to overtake the next ones elsewhere.
    func latency() -> Int64 {
        random.chance(20) ? 1_000 + random.time(2_000_000) : 50 + random.time(2_000)
    }

    func makeConnection() -> Int {
        lastConnection += 1
        return lastConnection
    }

    func note(_ text: @autoclosure () -> String) {
        guard keepsHistory else { return }
        let time = now - Self.start
        let fraction = String(1_000_000 + time % 1_000_000).dropFirst()
        history.append("\(time / 1_000_000).\(fraction) \(text())")
    }

    /// When the trouble is over.
    var healsAt: Int64 { Self.start + options.consumersStartAfter + WorldOptions.troubleLasts }

    // MARK: Run

    /// - Throws: a ``Violation``.
    package func run() throws(Violation) {
        // What waits to happen holds on to the world, and what was asked to whoever asked.
        defer {
            actions = []
            for consumer in consumers { consumer.forgetExchanges() }
            producer?.forgetExchanges()
        }
        scheduleCalls()
        scheduleFaults()
        after(healsAt - now) { [unowned self] in heal() }
        for consumer in consumers {
            after(options.consumersStartAfter) { consumer.start() }
        }
        let end = healsAt + WorldOptions.restLasts
        while judge.violation == nil, let ticket = tickets.popMin() {
            if ticket.at > end { break }
            now = max(now, ticket.at)
            steps += 1
            if steps > 50_000 {
                judge.fail("the world does not come to rest")
                break
            }
            let action = actions[ticket.slot]
            actions[ticket.slot] = nil
            freeSlots.append(ticket.slot)
            action?()
            guard isHealed, hasEnded else { continue }
            if !isResting {
                isResting = true
                for consumer in consumers { consumer.stop() }
            } else if consumers.allSatisfy(\.isAtRest) {
                break
            }
        }
        judgeEnd()
        if let violation = judge.violation { throw violation }
    }
}
