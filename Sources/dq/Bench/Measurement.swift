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
    /// - Parameter work: how many jobs it did, and how long each call took where that is asked for.
    static func of(
        _ probe: ServerUsageProbe, work: () async throws -> (jobs: Int, latencies: [Duration])
    ) async throws -> Measurement {
        let serversBefore = try await probe.usage()
        let clientBefore = ClientUsage.now()
        let start = ContinuousClock.now
        let (jobs, latencies) = try await work()
        let elapsed = ContinuousClock.now - start
        let client = ClientUsage.now()
        let servers = try await probe.usage()
        return Measurement(
            jobs: jobs, elapsed: elapsed, clientCPU: client.cpu - clientBefore.cpu,
            serverCPU: servers.cpu - serversBefore.cpu,
            nodeCommands: servers.nodeCommands - serversBefore.nodeCommands,
            ledgerBytes: servers.ledgerBytes - serversBefore.ledgerBytes,
            peakMemory: client.peakMemory, latencies: latencies)
    }
}

/// What this process has used since it began.
struct ClientUsage: Sendable {
    var cpu: Duration
    /// Bytes.
    var peakMemory: Int

    static func now() -> ClientUsage {
        var usage = rusage()
        #if os(Linux)
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            let unit = 1024
        #else
            getrusage(RUSAGE_SELF, &usage)
            let unit = 1
        #endif
        return ClientUsage(
            cpu: duration(usage.ru_utime) + duration(usage.ru_stime), peakMemory: Int(usage.ru_maxrss) * unit)
    }

    private static func duration(_ time: timeval) -> Duration {
        .seconds(Int64(time.tv_sec)) + .microseconds(Int64(time.tv_usec))
    }
}
