import DelayQueueTestKit

/// A proxy between every place for processes and every server, so that each connection can be cut by itself.
struct Network: Sendable {
    private struct Wire: Hashable {
        var slot: Slot
        var server: Server
    }

    private let proxies: [Wire: FaultProxy]
    private let nodes: Int
    /// A hostile node that consumers are given as well.
    private let babbler: Babbler?
    private let redis: RedisServer?

    init(plan: ChaosPlan, cluster: LocalCluster) async throws {
        var proxies: [Wire: FaultProxy] = [:]
        for slot in plan.slots {
            for (index, node) in cluster.nodes.enumerated() {
                proxies[Wire(slot: slot, server: .node(index))] = try await FaultProxy.start(to: node.port)
            }
            guard let redis = cluster.redis else { continue }
            proxies[Wire(slot: slot, server: .ledger)] = try await FaultProxy.start(to: redis.port)
        }
        self.proxies = proxies
        nodes = cluster.nodes.count
        babbler = plan.hasBabbler ? try await Babbler.start(seed: plan.seed) : nil
        redis = cluster.redis
    }

    func stop() async {
        for proxy in proxies.values { await proxy.stop() }
        await babbler?.stop()
    }

    func proxy(_ slot: Slot, _ server: Server) -> FaultProxy? { proxies[Wire(slot: slot, server: server)] }

    /// The options of `dq`, but for the ledger, for somebody who knows every name that a consumer has for a node.
    var optionsByConsumers: [String] {
        let slots = (0..<ChaosPlan.consumers).map(Slot.consumer)
        let addresses = slots.flatMap { slot in (0..<nodes).compactMap { proxy(slot, .node($0))?.address } }
        return ["--nodes", addresses.joined(separator: ","), "--tube", Self.tube]
    }

    /// The options of `dq`, but for the ledger, that lead a slot's processes through its own proxies.
    func options(_ slot: Slot) -> [String] {
        var addresses = (0..<nodes).compactMap { proxy(slot, .node($0))?.address }
        if case .consumer = slot, let babbler { addresses.append(babbler.address) }
        return ["--nodes", addresses.joined(separator: ","), "--tube", Self.tube]
    }

    /// Where a slot's processes find the ledger. No option, which everybody on the machine sees: a password is in it.
    func ledgerURL(_ slot: Slot) -> String? {
        proxy(slot, .ledger).flatMap { redis?.url(through: $0.port) }
    }

    static let tube = "chaos"
    static let keyPrefix = "dq:chaos:"
}
