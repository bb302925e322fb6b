import TestSupport

/// Everything about a round that its seed decides.
///
/// Faults overlap, within limits that let work go on: for every producer two nodes are left alone at any time, as are
/// two consumers; the ledger has a rest after each of its faults.
///
/// A round of two minutes or more is long enough for two things more: jobs that kill their consumers until they are
/// given up, and stretches in which nothing is wrong but that one consumer is cut off from the ledger.
struct ChaosPlan: Hashable {
    static let lease = Duration.seconds(10)
    /// The least there is; not above the lease.
    static let timeToRunSeconds = 10
    static let consumers = 5
    /// How many of them run a command for each job; the others print jobs. All do where some jobs are poison, as one
    /// that prints it would live and be done with it.
    static let commandConsumers = 3
    static let producers = 6
    /// Those among them that schedule jobs under the same ids.
    static let rivals = 3..<6
    private static let longRound = Duration.seconds(120)

    let seed: UInt64
    let length: Duration
    let nodes: Int
    let faults: [PlannedFault]
    /// The times at which a job is scheduled that kills its consumer.
    let poisons: [Duration]

    init(seed: UInt64, length: Duration) {
        var generator = SeededGenerator(seed: seed, stream: 0)
        self.seed = seed
        self.length = length
        nodes = Int.random(in: 3...5, using: &generator)
        let isLong = length >= Self.longRound
        var drafter = FaultDrafter(nodes: nodes, length: length, cutsOff: isLong, generator: generator)
        faults = drafter.draft()
        // None is scheduled late: it takes five leases and as many waits to find out about one. Nor often: who may be
        // one, and those that only died beside one, run one after the other, in the whole queue.
        let last = Int((length - .seconds(60)) / .seconds(1))
        poisons = isLong ? stride(from: 5, through: last, by: 110).map { .seconds($0) } : []
    }

    /// Whether consumers are given one node more, which says what no beanstalkd would. Consumers then take it for a node that
    /// may have leads, and look at the standbys of all others, so it is so in half of the rounds.
    var hasBabbler: Bool { seed % 2 == 1 }

    /// Whether the consumer runs a command for each job; else it prints them.
    func runsCommands(consumer: Int) -> Bool { !poisons.isEmpty || consumer < Self.commandConsumers }

    var slots: [Slot] {
        (0..<Self.consumers).map(Slot.consumer) + (0..<Self.producers).map(Slot.producer) + [.revoker]
    }

    var servers: [Server] { (0..<nodes).map(Server.node) + [.ledger] }
}
