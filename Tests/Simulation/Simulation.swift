import Beanstalk
import HeapModule
import NIOCore
import PipelinedTransport

@testable import DelayQueue

/// One run of consumers against simulated nodes and a simulated ledger, decided by a seed.
///
/// Everything that can be late, lost or dead is, at times the seed chooses: messages take a while, connections break
/// with what is on them, consumers and nodes crash, the ledger goes away. When the trouble is over the world is left
/// alone long enough to settle, and the history is judged.
final class Simulation {
    struct Options {
        var jobs = 6
        var nodes = 3
        var consumers = 2
        var faults = 8
        var lease = Duration.seconds(6)
    }

    struct Violation: Error, CustomStringConvertible {
        let description: String
    }

    private struct Event: Comparable {
        let at: Int64
        let order: Int
        let action: () -> Void

        static func < (a: Event, b: Event) -> Bool { (a.at, a.order) < (b.at, b.order) }
        static func == (a: Event, b: Event) -> Bool { a.order == b.order }
    }

    let options: Options
    var random: SeededGenerator
    private(set) var now: Int64 = 1_800_000_000_000_000
    private var events: Heap<Event> = []
    private var lastOrder = 0
    let nodes: [SimulatedNode]
    let ledger = SimulatedLedger()
    private var consumers: [SimulatedConsumer] = []
    private var lastConnection = 0
    private(set) var violation: Violation?
    private(set) var history: [String] = []
    var keepsHistory = false

    /// Accepted jobs, and what the application did with them.
    private var fireTimes: [LedgerKey: Int64] = [:]
    private var revoked: Set<LedgerKey> = []
    /// Runs the application has under way, with the attempt.
    private var liveRuns: [LedgerKey: Set<Int>] = [:]
    private(set) var deliveries = 0
    private(set) var finished: Set<LedgerKey> = []
    private var forgotten: Set<Int> = []
    private var healAt: Int64 = 0

    init(seed: UInt64, options: Options = .init()) {
        self.options = options
        self.random = SeededGenerator(seed: seed)
        var random = SeededGenerator(seed: seed &+ 1)
        self.nodes = (0..<options.nodes).map { _ in SimulatedNode(hasLog: Bool.random(using: &random)) }
        self.consumers = (0..<options.consumers).map { SimulatedConsumer(index: $0, world: self) }
    }

    // MARK: Clock

    func after(_ delay: Int64, _ action: @escaping () -> Void) {
        lastOrder += 1
        events.insert(Event(at: now + max(delay, 0), order: lastOrder, action: action))
    }

    func note(_ text: @autoclosure () -> String) {
        if keepsHistory { history.append("\(now - 1_800_000_000_000_000) \(text())") }
    }

    func fail(_ text: String) {
        if violation == nil { violation = Violation(description: text) }
    }

    func makeConnection() -> Int {
        lastConnection += 1
        return lastConnection
    }

    /// How long a message is on its way: mostly short, now and then long enough to overtake the next ones elsewhere.
    func latency() -> Int64 {
        Int.random(in: 0..<20, using: &random) == 0
            ? Int64.random(in: 1_000...2_000_000, using: &random) : Int64.random(in: 50...2_000, using: &random)
    }

    // MARK: Run

    /// - Throws: a ``Violation``.
    func run() throws {
        schedule()
        injectFaults()
        healAt = now + 40_000_000
        after(40_000_000) { [unowned self] in heal() }
        for consumer in consumers { consumer.start() }
        let end = now + 600_000_000
        var steps = 0
        while violation == nil, let event = events.popMin(), event.at <= end {
            now = max(now, event.at)
            steps += 1
            if steps > 200_000 { fail("the world does not come to rest") }
            event.action()
            if isSettled, now > healAt { break }
        }
        if let violation { throw violation }
        try judge()
    }

    private var isSettled: Bool {
        fireTimes.keys.allSatisfy(hasEnded)
            && nodes.allSatisfy { $0.jobs.values.allSatisfy { $0.state == .buried } }
    }

    private func hasEnded(_ key: LedgerKey) -> Bool {
        // A job that was buried has one copy left: it may go with a node that has no log. That is documented.
        finished.contains(key) || revoked.contains(key)
            || (ledger.buriedOn[key].map { !forgotten.isDisjoint(with: $0) } ?? false)
    }

    private func schedule() {
        for index in 0..<options.jobs {
            let fire = now + Int64.random(in: 0...20_000_000, using: &random)
            let id = JobID(unchecked: "job-\(index)")
            let key = LedgerKey(queue: .default, id: id)
            let template = EnvelopeTemplate(
                id: id, fireTime: Timestamp(microseconds: fire), timeToRun: 10,
                priority: UInt32(truncatingIfNeeded: (fire - now) / 4000), headers: [:], body: ByteBuffer())
            for (copy, node) in nodes.enumerated() {
                var bytes = ByteBuffer()
                template.write(copy: copy, copies: nodes.count, into: &bytes)
                let delay = max(0, (fire - now - 50_000) / 1_000_000) * 1_000_000
                _ = node.put(
                    bytes, priority: UInt32(truncatingIfNeeded: (fire - now) / 4000), delay: delay,
                    timeToRun: 10_000_000, now: now)
            }
            fireTimes[key] = fire
            if Int.random(in: 0..<8, using: &random) == 0 {
                after(Int64.random(in: 0...25_000_000, using: &random)) { [unowned self] in revoke(key, fire: fire) }
            }
        }
    }

    private func revoke(_ key: LedgerKey, fire: Int64) {
        guard ledger.isUp else { return }
        let reply = ledger.perform(
            LedgerRequest(
                key: key,
                operation: .revoke(fireDate: Timestamp(microseconds: fire).date, copies: nodes.count), timing: timing),
            now: now)
        note("revoke \(key): \(reply)")
        if reply == .revoked { revoked.insert(key) }
    }

    var timing: LedgerTiming {
        var timing = LedgerTiming()
        timing.lease = options.lease
        timing.timeToRun = .seconds(10)
        timing.grace = .seconds(30)
        return timing
    }

    // MARK: Faults

    private func injectFaults() {
        // A node without a log that crashes loses its copies; so that no job can lose all, only one such node does.
        let forgetful = nodes.indices.filter { !nodes[$0].hasLog }.randomElement(using: &random)
        for _ in 0..<options.faults {
            let at = Int64.random(in: 0...35_000_000, using: &random)
            let duration = Int64.random(in: 10_000...12_000_000, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                let index = Int.random(in: 0..<consumers.count, using: &random)
                after(at) { [unowned self] in crashConsumer(index, for: duration) }
            case 1:
                let index = Int.random(in: 0..<consumers.count, using: &random)
                after(at) { [unowned self] in consumers[index].pause(for: duration) }
            case 2:
                let candidates = nodes.indices.filter { nodes[$0].hasLog || $0 == forgetful }
                guard let node = candidates.randomElement(using: &random) else { continue }
                after(at) { [unowned self] in crashNode(node, for: duration) }
            case 3:
                after(at) { [unowned self] in
                    note("ledger away")
                    ledger.isUp = false
                    after(duration) { [unowned self] in
                        note("ledger back")
                        ledger.isUp = true
                    }
                }
            case 4:
                let index = Int.random(in: 0..<consumers.count, using: &random)
                let node = Int.random(in: 0..<nodes.count, using: &random)
                after(at) { [unowned self] in consumers[index].cut(node: node) }
            default:
                after(at) { [unowned self] in for node in nodes { node.kickAll() } }
            }
        }
    }

    private func crashConsumer(_ index: Int, for duration: Int64) {
        note("consumer \(index) crashes")
        consumers[index].crash()
        for (key, attempts) in liveRuns {
            liveRuns[key] = attempts.subtracting(consumers[index].runs[key] ?? [])
        }
        consumers[index] = SimulatedConsumer(index: index, world: self)
        let fresh = consumers[index]
        after(duration) { fresh.start() }
    }

    private func crashNode(_ node: Int, for duration: Int64) {
        guard nodes[node].isUp else { return }
        note("node \(node) crashes")
        if !nodes[node].hasLog { forgotten.insert(node) }
        nodes[node].crash()
        for consumer in consumers { consumer.cut(node: node) }
        after(duration) { [unowned self] in
            note("node \(node) is back")
            nodes[node].isUp = true
        }
    }

    private func heal() {
        note("all is well from here")
        ledger.isUp = true
        for node in nodes {
            node.isUp = true
            node.kickAll()
        }
        // Kicks go on: a job buried after this must not stay dead for ever, or its end could not be judged.
        after(20_000_000) { [unowned self] in kickOn() }
    }

    private func kickOn() {
        for node in nodes { node.kickAll() }
        after(20_000_000) { [unowned self] in kickOn() }
    }

    // MARK: Application

    func delivered(_ key: LedgerKey, attempt: Int, to consumer: SimulatedConsumer) {
        deliveries += 1
        note("consumer \(consumer.index) runs \(key) attempt \(attempt)")
        guard let fire = fireTimes[key] else {
            fail("\(key) was never scheduled")
            return
        }
        if now < fire { fail("\(key) was delivered \(fire - now) µs early") }
        if finished.contains(key) { fail("\(key) runs again after it was completed") }
        if let lease = ledger.lease(of: key, now: now), lease.end > now, lease.attempt > attempt {
            fail("\(key) attempt \(attempt) was delivered while attempt \(lease.attempt) holds a valid lease")
        }
        liveRuns[key, default: []].insert(attempt)
        if revoked.contains(key) { fail("\(key) runs though its revocation was confirmed") }
    }

    func ended(_ key: LedgerKey, attempt: Int, completed: Bool) {
        liveRuns[key]?.remove(attempt)
        if completed {
            if !finished.insert(key).inserted { fail("\(key) was completed twice") }
            note("\(key) completed by attempt \(attempt)")
        }
    }

    // MARK: Judgement

    private func judge() throws {
        for key in fireTimes.keys.sorted(by: { $0.description < $1.description }) {
            if hasEnded(key) { continue }
            throw Violation(description: "\(key) was accepted and never completed")
        }
        for (key, count) in ledger.completions where count > 1 {
            throw Violation(description: "\(key) was completed \(count) times")
        }
        for (index, node) in nodes.enumerated() where node.jobs.values.contains(where: { $0.state != .buried }) {
            throw Violation(description: "node \(index) still has \(node.jobs.count) copies that nobody clears away")
        }
        for consumer in consumers {
            if let problem = consumer.leftover { throw Violation(description: problem) }
        }
    }
}
