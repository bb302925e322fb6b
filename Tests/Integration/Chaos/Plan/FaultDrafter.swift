import TestSupport

/// Draws the faults of a plan one by one, and leaves out those that would go too far.
struct FaultDrafter {
    private let nodes: Int
    private let length: Duration
    /// When nothing is drawn, as one consumer is cut off from the ledger and all else is well.
    private let stretches: [Range<Duration>]
    private var generator: SeededGenerator
    private var faults: [PlannedFault] = []

    /// The mean time between two faults.
    private static let pace = 1700
    /// How long the ledger is left alone after each of its faults.
    private static let ledgerRest = Duration.seconds(6)
    private static let drawsPerFault = 20

    /// From the beginning of one stretch to that of the next, and how long one lasts.
    private static let stretchPace = 90
    private static let stretchLength = 31
    /// What was disturbed before has time to come back.
    private static let rest = Duration.seconds(4)
    /// Longer than a lease and the seconds that others have to claim what is due then.
    private static let cutOff = ChaosPlan.lease + .seconds(14)

    /// - Parameter cutsOff: whether there are stretches in which one consumer is cut off from the ledger.
    init(nodes: Int, length: Duration, cutsOff: Bool, generator: SeededGenerator) {
        self.nodes = nodes
        self.length = length
        self.generator = generator
        let last = Int(length / .seconds(1)) - Self.stretchLength
        stretches =
            cutsOff
            ? stride(from: 40, through: last, by: Self.stretchPace).map {
                .seconds($0) ..< .seconds($0 + Self.stretchLength)
            } : []
    }

    /// - Returns: the faults in the order of their beginnings; all are over when the round is.
    mutating func draft() -> [PlannedFault] {
        // Processes need a moment to start.
        var time = Duration.seconds(2)
        while time < length - .seconds(1) {
            if let stretch = stretches.first(where: { $0.contains(time) }) {
                faults.append(cutOff(in: stretch))
                time = stretch.upperBound
            }
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

    private mutating func cutOff(in stretch: Range<Duration>) -> PlannedFault {
        PlannedFault(
            target: .link(.consumer(index(ChaosPlan.consumers)), .ledger), kind: pick([.refuse, .stallBoth]),
            start: stretch.lowerBound + Self.rest, length: Self.cutOff)
    }

    // MARK: Drawing

    private mutating func draw(at start: Duration) -> PlannedFault {
        let target = drawTarget()
        let kind: FaultKind
        var length: Duration
        var latency = Duration.zero
        var shift: Int64 = 0
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
        case .clock:
            kind = .shift
            length = milliseconds(2000...20_000)
            // Beyond what is taken for equal, beyond leases, beyond what records last.
            shift = [2, 60, 3600, 8 * 86_400][index(4)] * (Bool.random(using: &generator) ? 1 : -1)
        case .link(_, let server):
            kind = pick([.reset, .refuse, .stallToServer, .stallToClient, .stallBoth, .latency, .split])
            // Without its ledger for longer than a lease, a consumer loses what it runs.
            length = kind == .reset ? .zero : milliseconds(500...(server == .ledger ? 18_000 : 13_000))
            if kind == .latency { latency = milliseconds(20...400) }
        }
        let end = stretches.map(\.lowerBound).first { $0 > start } ?? self.length
        length = min(length, end - start)
        return PlannedFault(
            target: target, kind: kind, start: start, length: length, latency: latency, shiftSeconds: shift)
    }

    private mutating func drawTarget() -> Target {
        switch Int.random(in: 0..<100, using: &generator) {
        case ..<22: return .server(.node(index(nodes)))
        case ..<30: return .server(.ledger)
        case ..<56: return .process(.consumer(index(ChaosPlan.consumers)))
        case ..<64: return .process(.producer(index(ChaosPlan.producers)))
        // Of those that run commands in every round.
        case ..<70: return .clock(.consumer(index(ChaosPlan.commandConsumers)))
        case ..<90:
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
        case .process, .link, .clock:
            return true
        }
    }
}
