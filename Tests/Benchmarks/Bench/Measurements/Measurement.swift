import Foundation

/// What one pass of a measurement cost.
struct Measurement: Sendable {
    var jobs = 0
    var elapsed = Duration.zero
    /// Of this process, in user and system mode.
    var clientCPU = Duration.zero
    /// Of all servers together.
    var serverCPU = Duration.zero
    var nodeCommands = 0
    /// To and from the ledger.
    var ledgerBytes = 0
    /// The most memory this process had resident so far, in bytes.
    var peakMemory = 0
    /// How long each call took, where calls are what is measured.
    var latencies: [Duration] = []

    var rate: Double { Double(jobs) / max(elapsed / .seconds(1), 1e-9) }

    func perJob(_ duration: Duration) -> Duration { jobs > 0 ? duration / jobs : .zero }

    func perJob(_ count: Int) -> Double { jobs > 0 ? Double(count) / Double(jobs) : 0 }
}

extension Measurement {
    /// Measures what `work` does.
    ///
    /// - Parameter work: how many jobs it did, how long each call took where that is asked for, and when its time was
    ///   over where that was before it returned; what it cost counts to its return.
    static func of(
        _ probe: ServerUsageProbe,
        work: () async throws -> (jobs: Int, latencies: [Duration], end: ContinuousClock.Instant?)
    ) async throws -> Measurement {
        let serversBefore = try await probe.usage()
        let clientBefore = ClientUsage.now()
        let start = ContinuousClock.now
        let (jobs, latencies, end) = try await work()
        let elapsed = (end ?? ContinuousClock.now) - start
        let client = ClientUsage.now()
        let servers = try await probe.usage()
        return Measurement(
            jobs: jobs, elapsed: elapsed, clientCPU: client.cpu - clientBefore.cpu,
            serverCPU: servers.cpu - serversBefore.cpu,
            nodeCommands: servers.nodeCommands - serversBefore.nodeCommands,
            ledgerBytes: servers.ledgerBytes - serversBefore.ledgerBytes,
            peakMemory: client.peakMemory, latencies: latencies)
    }

    /// Measures work whose time is over when it returns.
    static func of(
        _ probe: ServerUsageProbe, work: () async throws -> (jobs: Int, latencies: [Duration])
    ) async throws -> Measurement {
        try await of(probe) {
            let (jobs, latencies) = try await work()
            return (jobs, latencies, nil)
        }
    }
}
