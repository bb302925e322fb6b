import DelayQueueTestKit
import Foundation
import TestSupport

/// Everything that takes part in a round.
struct ChaosWorld: Sendable {
    private let plan: ChaosPlan
    private let cluster: LocalCluster
    private let folder: RoundFolder
    private let network: Network
    private let chronicle: Chronicle
    private let servers: [Server: ServerPlace]
    private let consumers: [ConsumerPlace]
    private let producers: [ProducerPlace]
    private let revoker: ProducerPlace
    private let tool: String

    init(plan: ChaosPlan, cluster: LocalCluster, folder: RoundFolder) async throws {
        self.plan = plan
        self.cluster = cluster
        self.folder = folder
        tool = try BuiltProgram.path("dq")
        network = try await Network(plan: plan, cluster: cluster)
        for slot in plan.slots {
            if let url = network.ledgerURL(slot) { try folder.write(url, to: RoundFolder.ledgerFile(of: slot)) }
        }
        chronicle = Chronicle(
            History(seed: plan.seed, nodes: plan.nodes, lease: ChaosPlan.lease, began: .now(), calmed: .now()))
        var servers: [Server: ServerPlace] = [:]
        for (index, node) in cluster.nodes.enumerated() {
            servers[.node(index)] = ServerPlace(.node(index), node, folder: folder, chronicle: chronicle)
        }
        if let redis = cluster.redis {
            servers[.ledger] = ServerPlace(.ledger, redis, folder: folder, chronicle: chronicle)
        }
        self.servers = servers
        let settings = ConsumerSettings(
            plan: plan, network: network, folder: folder, tool: tool, handler: try BuiltProgram.path("chaos-handler"))
        var consumers: [ConsumerPlace] = []
        for index in 0..<ChaosPlan.consumers {
            consumers.append(try await ConsumerPlace(index, world: settings, chronicle: chronicle))
        }
        self.consumers = consumers
        producers = (0..<ChaosPlan.producers).map { ProducerPlace(.producer($0), folder: folder) }
        revoker = ProducerPlace(.revoker, folder: folder)
    }

    /// Ends all processes and connections, however far the round has come.
    func close() async {
        for consumer in consumers { await consumer.close() }
        await network.stop()
    }

    // MARK: The round

    /// Works under faults, then in peace until the nodes are empty. Whatever ends by itself meanwhile is started again.
    func run(drainingFor limit: Duration) async throws -> History {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for server in servers.values { group.addTask { try await server.supervise() } }
            for consumer in consumers { group.addTask { try await consumer.supervise() } }
            group.addTask { try await work(drainingFor: limit) }
            // The others end with an error, if at all.
            try await group.next()
            group.cancelAll()
        }
        return try await collect()
    }

    private func work(drainingFor limit: Duration) async throws {
        for consumer in consumers { try await consumer.start() }
        await chronicle.update { $0.began = .now() }
        try await workUnderFaults()
        await chronicle.update { $0.calmed = .now() }

        let inspection = try Inspection(cluster: cluster)
        let isEmpty: Bool
        do {
            async let _: Void = Undertaker(tool: Tool(cluster), options: network.optionsByConsumers).run()
            isEmpty = try await inspection.waitUntilEmpty(atMost: limit)
            if isEmpty { await chronicle.update { $0.drained = .now() } }
            for consumer in consumers { _ = try await consumer.terminate() }
            await chronicle.add(leftovers: await inspection.leftovers())
        } catch {
            await inspection.close()
            throw error
        }
        await inspection.close()
    }

    private func workUnderFaults() async throws {
        let end = ContinuousClock.now + plan.length
        let pool = ReceiptPool()
        let injector = FaultInjector(
            plan: plan, servers: servers, network: network, consumers: consumers, producers: producers,
            chronicle: chronicle)
        let seed = plan.seed
        let timeToRun = ["--ttr", "\(ChaosPlan.timeToRunSeconds)"]
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await injector.run() }
            // The last list is loaded before the round is over, so that what disturbs it is over too.
            for index in 0..<2 {
                let producer = LoadProducer(
                    place: producers[index], tool: tool, options: network.options(.producer(index)) + timeToRun,
                    hasOwnIDs: index == 0, poisons: index == 0 ? plan.poisons : [], folder: folder,
                    chronicle: chronicle, pool: pool)
                group.addTask {
                    try await producer.run(until: end, seed: seed, stream: 1 + index)
                    await producer.place.close()
                }
            }
            let single = SingleProducer(
                place: producers[2], tool: tool, options: network.options(.producer(2)) + timeToRun,
                chronicle: chronicle, pool: pool)
            group.addTask {
                try await single.run(until: end, seed: seed, stream: 11)
                await single.place.close()
            }
            let contest = IDContest(
                places: ChaosPlan.rivals.map { producers[$0] }, tool: tool,
                options: ChaosPlan.rivals.map { network.options(.producer($0)) + timeToRun }, chronicle: chronicle)
            group.addTask {
                try await contest.run(until: end, seed: seed, stream: 13)
                for place in contest.places { await place.close() }
            }
            let revoker = Revoker(place: revoker, tool: tool, chronicle: chronicle, pool: pool)
            group.addTask { try await revoker.run(until: end, seed: seed, stream: 12) }
            try await group.waitForAll()
        }
    }

    // MARK: Afterwards

    /// Puts together what everybody has written down.
    private func collect() async throws -> History {
        var history = await chronicle.history
        history.runs = RunNotes.ofCommands(folder.read(ConsumerSettings.notes))
        for index in 0..<ChaosPlan.consumers where !plan.runsCommands(consumer: index) {
            history.runs += RunNotes.ofPrinter(.consumer(index), folder.read("\(Slot.consumer(index)).out"))
        }
        history.ledger = AppendOnlyFile.records(in: appendOnlyFile(), keyPrefix: Network.keyPrefix)
        let data = try JSONEncoder().encode(history)
        try folder.write(String(decoding: data, as: UTF8.self), to: "history.json")
        return history
    }

    /// From Redis 7 on the file is in parts in a folder of its own.
    private func appendOnlyFile() -> [UInt8] {
        guard let redis = cluster.redis else { return [] }
        let parts = redis.folder + "/appendonlydir"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parts)) ?? []
        let files = names.filter { $0.hasSuffix(".incr.aof") }.sorted().map { "\(parts)/\($0)" }
        return (files.isEmpty ? [redis.folder + "/appendonly.aof"] : files).flatMap(RoundFolder.bytes)
    }
}
