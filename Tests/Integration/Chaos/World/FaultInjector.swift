import DelayQueueTestKit
import TestSupport

/// Carries out a plan's faults, each at its time, and notes them.
struct FaultInjector: Sendable {
    let plan: ChaosPlan
    let cluster: LocalCluster
    let network: Network
    let consumers: [ConsumerPlace]
    let producers: [ProducerPlace]
    let chronicle: Chronicle

    /// Returns once all faults are over and undone.
    func run() async throws {
        let begin = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            // What is done to one target is done in turn: each may take longer than planned.
            for faults in Dictionary(grouping: plan.faults, by: \.target).values {
                group.addTask {
                    for fault in faults {
                        try await Task.sleep(until: begin + fault.start)
                        try await carryOut(fault)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func carryOut(_ fault: PlannedFault) async throws {
        let start = Instant.now()
        let process: ProcessName?
        switch fault.target {
        case .server(let server):
            try await disturb(server, fault)
            process = nil
        case .process(.consumer(let index)):
            guard let disturbed = try await disturb(consumers[index], fault) else { return }
            process = disturbed
        case .process(.producer(let index)):
            guard let disturbed = try await disturb(producers[index], fault) else { return }
            process = disturbed
        case .process(.revoker):
            return
        case .link(let slot, let server):
            guard let proxy = network.proxy(slot, server) else { return }
            try await disturb(proxy, fault)
            process = nil
        }
        await chronicle.add(
            Fault(target: fault.target, kind: fault.kind, process: process, start: start, end: .now()))
    }

    // MARK: Servers

    private func disturb(_ server: Server, _ fault: PlannedFault) async throws {
        switch (server, fault.kind) {
        case (.node(let index), .kill):
            await cluster.nodes[index].kill()
            try await Task.sleep(for: fault.length)
            try await restart { try await cluster.nodes[index].restart() }
        case (.node(let index), _):
            try await cluster.nodes[index].suspend()
            try await Task.sleep(for: fault.length)
            try await cluster.nodes[index].resume()
        case (.ledger, .kill):
            await cluster.redis?.kill()
            try await Task.sleep(for: fault.length)
            try await restart { try await cluster.redis?.restart() }
        case (.ledger, _):
            try await cluster.redis?.suspend()
            try await Task.sleep(for: fault.length)
            try await cluster.redis?.resume()
        }
    }

    /// On a busy machine a server may take longer to answer than the kit waits.
    private func restart(_ restart: () async throws -> Void) async throws {
        for _ in 0..<4 {
            do {
                try await restart()
                return
            } catch let error as TestKitError where error.code == .notReady {
                continue
            }
        }
        try await restart()
    }

    // MARK: Processes

    private func disturb(_ place: ConsumerPlace, _ fault: PlannedFault) async throws -> ProcessName? {
        let process: ProcessName?
        switch fault.kind {
        case .stop:
            process = try await place.stop()
            try await Task.sleep(for: fault.length)
            await place.goOn()
            return process
        case .terminate:
            process = try await place.terminate()
        default:
            process = try await place.kill()
        }
        try await Task.sleep(for: fault.length)
        try await place.start()
        return process
    }

    private func disturb(_ place: ProducerPlace, _ fault: PlannedFault) async throws -> ProcessName? {
        guard await place.waitForProcess() else { return nil }
        var generator = SeededGenerator(seed: plan.seed, stream: Int(fault.start / .milliseconds(1)))
        // Anywhere in the life of a process: while it starts, connects, writes, prints.
        try await Task.sleep(for: .milliseconds(Int.random(in: 0...150, using: &generator)))
        guard fault.kind == .stop else { return await place.kill() }
        guard let process = await place.stop() else { return nil }
        try await Task.sleep(for: fault.length)
        await place.goOn(process)
        return process
    }

    // MARK: Links

    private func disturb(_ proxy: FaultProxy, _ fault: PlannedFault) async throws {
        switch fault.kind {
        case .reset:
            await proxy.cutAll()
            return
        case .refuse: await proxy.set(.refuse)
        case .stallToServer: await proxy.set(.stall(.toServer))
        case .stallToClient: await proxy.set(.stall(.toClient))
        case .latency: await proxy.set(.delay(fault.latency))
        case .split: await proxy.set(.splitBytes)
        case .stallBoth, .kill, .stop, .terminate: await proxy.set(.stall())
        }
        try await Task.sleep(for: fault.length)
        await proxy.set(.none)
    }
}
