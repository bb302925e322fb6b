import TestSupport

/// Draws the faults of a plan one by one, and leaves out those that would go too far.
struct FaultDrafter {
    private let nodes: Int
    private let length: Duration
    private var generator: SeededGenerator
    private var faults: [PlannedFault] = []

    /// The mean time between two faults.
    private static let pace = 1700
    /// How long the ledger is left alone after each of its faults.
    private static let ledgerRest = Duration.seconds(6)
    private static let drawsPerFault = 20

    init(nodes: Int, length: Duration, generator: SeededGenerator) {
        self.nodes = nodes
        self.length = length
        self.generator = generator
    }

    /// - Returns: the faults in the order of their beginnings; all are over when the round is.
    mutating func draft() -> [PlannedFault] {
        // Processes need a moment to start.
        var time = Duration.seconds(2)
        while time < length - .seconds(1) {
            for _ in 0..<Self.drawsPerFault {
                let fault = draw(at: time)
                guard isAllowed(fault) else { continue }
                faults.append(fault)
                break
            }
            time += milliseconds(Self.pace / 4...Self.pace * 7 / 4)
        }
        return faults
    }

    // MARK: Drawing

    private mutating func draw(at start: Duration) -> PlannedFault {
        let target = drawTarget()
        let kind: FaultKind
        var length: Duration
        var latency = Duration.zero
        switch target {
        case .server(.node):
            kind = pick([.kill, .stop])
            length = kind == .kill ? milliseconds(300...8000) : milliseconds(500...12_000)
        case .server(.ledger):
            kind = pick([.kill, .stop])
            length = kind == .kill ? milliseconds(200...4000) : milliseconds(300...13_000)
        case .process(.consumer):
            kind = pick([.kill, .kill, .stop, .stop, .stop, .terminate])
            length = kind == .stop ? milliseconds(500...16_000) : milliseconds(100...4000)
        case .process:
            kind = pick([.kill, .kill, .stop])
            length = kind == .stop ? milliseconds(300...6000) : .zero
        case .link(_, let server):
            kind = pick([.reset, .refuse, .stallToServer, .stallToClient, .stallBoth, .latency, .split])
            // Without its ledger for longer than a lease, a consumer loses what it runs.
            length = kind == .reset ? .zero : milliseconds(500...(server == .ledger ? 18_000 : 13_000))
            if kind == .latency { latency = milliseconds(20...400) }
        }
        length = min(length, self.length - start)
        return PlannedFault(target: target, kind: kind, start: start, length: length, latency: latency)
    }

    private mutating func drawTarget() -> Target {
        switch Int.random(in: 0..<100, using: &generator) {
        case ..<22: return .server(.node(index(nodes)))
        case ..<30: return .server(.ledger)
        case ..<56: return .process(.consumer(index(ChaosPlan.consumers)))
        case ..<66: return .process(.producer(index(ChaosPlan.producers)))
        case ..<88:
            // A consumer without its ledger is what leases are for.
            let server = Bool.random(using: &generator) ? Server.ledger : .node(index(nodes))
            return .link(.consumer(index(ChaosPlan.consumers)), server)
        case ..<98:
            let server = index(4) == 0 ? Server.ledger : .node(index(nodes))
            return .link(.producer(index(ChaosPlan.producers)), server)
        default: return .link(.revoker, .ledger)
        }
    }

    private mutating func index(_ count: Int) -> Int { Int.random(in: 0..<count, using: &generator) }

    private mutating func pick(_ kinds: [FaultKind]) -> FaultKind { kinds[index(kinds.count)] }

    private mutating func milliseconds(_ range: ClosedRange<Int>) -> Duration {
        .milliseconds(Int.random(in: range, using: &generator))
    }

    // MARK: Limits

    private func isAllowed(_ fault: PlannedFault) -> Bool {
        // A moment between two faults of one target, for it to come back.
        let others = faults.filter { $0.end + .milliseconds(500) > fault.start }
        guard !others.contains(where: { $0.target == fault.target }) else { return false }
        let targets = Set(others.map(\.target) + [fault.target])
        switch fault.target {
        case .server(.ledger):
            return !faults.contains { $0.target == fault.target && $0.end + Self.ledgerRest > fault.start }
        case .process(.consumer):
            let disturbed = targets.count { if case .process(.consumer) = $0 { true } else { false } }
            return disturbed <= ChaosPlan.consumers - 2
        case .server(.node), .link(.producer, .node):
            return (0..<ChaosPlan.producers).allSatisfy { producer in
                let disturbed = (0..<nodes).count { node in
                    targets.contains(.server(.node(node)))
                        || targets.contains(.link(.producer(producer), .node(node)))
                }
                return disturbed <= nodes - 2
            }
        case .process, .link:
            return true
        }
    }
}
