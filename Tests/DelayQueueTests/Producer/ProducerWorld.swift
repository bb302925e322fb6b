import Beanstalk
import NIOCore
import PipelinedTransport

@testable import DelayQueue

/// A producer core with hand-fed nodes, for tests that look at single decisions.
struct ProducerWorld {
    var core: ProducerCore
    var now = Moment(wall: CoreWorld.start, uptime: Uptime(microseconds: 1_000_000_000))
    var health: [NodeChoice.Health]
    /// What was sent and not answered.
    private(set) var sent: [NodeCommands] = []
    private(set) var asked: [(requests: [LedgerRequest], question: ProducerCore.Question)] = []
    private(set) var answers: [ProducerCore.CallID: [Result<Receipt, DelayQueueError>]] = [:]
    private(set) var revocations: [ProducerCore.CallID: Result<RevokeOutcome, DelayQueueError>] = [:]
    private(set) var stopped: [ProducerCore.WriteID] = []
    private(set) var slowNodes: [Int] = []

    private(set) var lostLeads = 0

    init(nodes: Int = 3, hasLedger: Bool = false, copyMode: CopyMode = .together) throws {
        let addresses = try (0..<nodes).map { try BeanstalkNode("127.0.0.1:\(11300 + $0)") }
        var configuration = ProducerConfiguration()
        configuration.copyMode = copyMode
        core = ProducerCore(nodes: addresses, queue: .default, configuration: configuration, hasLedger: hasLedger)
        health = addresses.map { _ in NodeChoice.Health(isUp: true, isSlow: false, isBusy: false) }
    }

    static func job(_ id: String, isOwnID: Bool = false) -> PreparedJob {
        let id = JobID(unchecked: id)
        let fireTime = CoreWorld.start + .seconds(60)
        return PreparedJob(
            id: id, isOwnID: isOwnID, fireTime: fireTime, timeToRun: 30, priority: 7, bodySize: 0,
            record: .native(
                EnvelopeTemplate(
                    id: id, fireTime: fireTime, timeToRun: 30, priority: 7, headers: [:], body: ByteBuffer())))
    }

    mutating func advance(by duration: Duration) {
        now.wall = now.wall + duration
        now.uptime = now.uptime + duration
        core.tick(now: now)
        flush()
    }

    mutating func call(_ id: ProducerCore.CallID, _ jobs: String...) {
        core.call(id, jobs.map { Self.job($0) })
    }

    mutating func cancel(_ id: ProducerCore.CallID) {
        core.cancel(id, now: now)
        flush()
    }

    private(set) var isTimeSettled = false
    private(set) var clockChanges: [FleetClock.Change] = []

    mutating func flush() {
        var generator = SystemRandomNumberGenerator()
        if core.hasGathered { core.write(health: health, now: now, using: &generator) }
        for action in core.takeActions() {
            switch action {
            case .send(let commands): sent += commands
            case .stopWaiting(let write): stopped.append(write)
            case .ask(let requests, let question): asked.append((requests, question))
            case .timeIsSettled: isTimeSettled = true
            case .clocks(let change): clockChanges.append(change)
            case .answer(let id, let results): answers[id] = results
            case .answerRevocation(let id, let outcome): revocations[id] = outcome
            case .nodeIsSlow(let node): slowNodes.append(node)
            case .leadsLost(let count, _): lostLeads += count
            }
        }
    }

    // MARK: Nodes

    /// The commands to a node that wait for an answer, the oldest first.
    func commands(to node: Int) -> [NodeCommands] { sent.filter { $0.node == node } }

    /// Answers the oldest commands to a node; with a code, for those that have no reply here.
    @discardableResult
    mutating func answer(
        _ node: Int, _ replies: BeanstalkReply..., failing code: TransportError.Code? = nil,
        mayHaveBeenSent: Bool = true,
        generation: UInt64 = 1, serverID: ServerID? = nil
    ) -> NodeCommands? {
        guard let index = sent.firstIndex(where: { $0.node == node }) else { return nil }
        let commands = sent.remove(at: index)
        let failure = code.map {
            TransportError($0, address: core.nodes[node].address, mayHaveBeenSent: mayHaveBeenSent)
        }
        core.answered(
            commands,
            BatchOutcome(
                replies: replies, failure: failure, generation: ConnectionGeneration(generation, serverID: serverID)),
            now: now)
        flush()
        return commands
    }

    mutating func answerLedger(_ replies: Result<LedgerReply, DelayQueueError>...) {
        let question = asked.removeFirst().question
        core.ledgerAnswered(question, replies, sentAt: now, now: now)
        flush()
    }

    func errors(of call: ProducerCore.CallID) -> [DelayQueueError] {
        (answers[call] ?? []).compactMap { if case .failure(let error) = $0 { error } else { nil } }
    }

    func receipts(of call: ProducerCore.CallID) -> [Receipt] {
        (answers[call] ?? []).compactMap { try? $0.get() }
    }
}

extension BeanstalkReply {
    static func stored(_ id: UInt64) -> BeanstalkReply { .inserted(BeanstalkJobID(id)) }
}

extension NodeCommands {
    /// The copies to be deleted; nil for other commands.
    var deletes: [BeanstalkJobID]? {
        if case .delete(let ids) = kind { ids } else { nil }
    }
}
