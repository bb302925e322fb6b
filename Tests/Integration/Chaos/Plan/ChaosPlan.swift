import TestSupport

/// Everything about a round that its seed decides.
///
/// Faults overlap, within limits that let work go on: for every producer two nodes are left alone at any time, as are
/// two consumers; the ledger has a rest after each of its faults.
struct ChaosPlan: Hashable {
    static let lease = Duration.seconds(10)
    /// The least there is; not above the lease.
    static let timeToRunSeconds = 10
    /// Consumers that run a command for each job, and consumers that print jobs.
    static let commandConsumers = 3
    static let printingConsumers = 2
    static let consumers = commandConsumers + printingConsumers
    static let producers = 3

    let seed: UInt64
    let length: Duration
    let nodes: Int
    let faults: [PlannedFault]

    init(seed: UInt64, length: Duration) {
        var generator = SeededGenerator(seed: seed, stream: 0)
        self.seed = seed
        self.length = length
        nodes = Int.random(in: 3...5, using: &generator)
        var drafter = FaultDrafter(nodes: nodes, length: length, generator: generator)
        faults = drafter.draft()
    }

    /// Whether the consumer runs a command for each job; else it prints them.
    static func runsCommands(consumer: Int) -> Bool { consumer < commandConsumers }

    var slots: [Slot] {
        (0..<Self.consumers).map(Slot.consumer) + (0..<Self.producers).map(Slot.producer) + [.revoker]
    }

    var servers: [Server] { (0..<nodes).map(Server.node) + [.ledger] }
}
