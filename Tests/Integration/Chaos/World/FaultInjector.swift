import DelayQueueTestKit
import TestSupport

/// Carries out a plan's faults, each at its time, and notes them.
struct FaultInjector: Sendable {
    let plan: ChaosPlan
    let servers: [Server: ServerPlace]
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
            guard let place = servers[server], try await disturb(place, fault) else { return }
            process = nil
        case .process(.consumer(let index)):
            guard let disturbed = try await disturb(consumers[index], fault) else { return }
            process = disturbed
        case .process(.producer(let index)):
            guard let disturbed = try await disturb(producers[index], fault) else { return }
            process = disturbed
        case .process(.revoker):
            return
        case .clock(.consumer(let index)):
            guard try await shiftClock(of: consumers[index], fault) else { return }
            process = nil
        case .clock:
            return
        case .link(let slot, let server):
            guard let proxy = network.proxy(slot, server) else { return }
            try await disturb(proxy, fault)
            process = nil
        }
        await chronicle.add(
            Fault(target: fault.target, kind: fault.kind, process: process, start: start, end: .now()))
    }

    // MARK: Clocks

    private func shiftClock(of place: ConsumerPlace, _ fault: PlannedFault) async throws -> Bool {
        guard try await place.shiftClock(by: fault.shiftSeconds) else { return false }
        try await Task.sleep(for: fault.length)
        return try await place.shiftClock(by: 0)
    }

    // MARK: Servers

    /// - Returns: false where the server had ended by itself, and was not yet back.
    private func disturb(_ place: ServerPlace, _ fault: PlannedFault) async throws -> Bool {
        guard fault.kind == .kill else {
            guard try await place.suspend() else { return false }
            try await Task.sleep(for: fault.length)
            try await place.resume()
            return true
        }
        await place.kill()
        try await Task.sleep(for: fault.length)
        try await place.bringBack()
        return true
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
        case .stallBoth, .kill, .stop, .terminate, .shift, .crash: await proxy.set(.stall())
        }
        try await Task.sleep(for: fault.length)
        await proxy.set(.none)
    }
}
