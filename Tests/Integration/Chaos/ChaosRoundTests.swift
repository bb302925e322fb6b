import Foundation
import Testing

/// What round was asked for.
enum ChaosRequest {
    private static let environment = ProcessInfo.processInfo.environment

    /// `DQ_CHAOS_MINUTES`, as `./dev chaos --minutes` sets it; 1 unless given.
    static let minutes = environment["DQ_CHAOS_MINUTES"].flatMap { Int($0) } ?? 1

    /// `DQ_CHAOS_SEED` plans the same faults again; when exactly they meet whom is up to the machine.
    static let seed = environment["DQ_CHAOS_SEED"].flatMap { UInt64($0) } ?? .random(in: 0..<1_000_000)
}

/// Real processes and servers under a seeded script of kills, stops, restarts and cuts.
@Suite(.serialized, .timeLimit(.minutes(ChaosRequest.minutes + 15)))
struct ChaosRoundTests {
    @Test func `no fault of processes, servers or connections breaks a promise`() async throws {
        let (seed, minutes) = (ChaosRequest.seed, ChaosRequest.minutes)
        print("chaos: seed \(seed), \(minutes) min")
        let plan = ChaosPlan(seed: seed, length: .seconds(60 * minutes))
        let (report, files) = try await ChaosRound(plan: plan).run()
        print(report.lines.joined(separator: "\n"))
        if let files { print("files: \(files)") }
        let isPassed = report.verdict.isPassed
        #expect(isPassed, "DQ_CHAOS_SEED=\(seed) plans this round again; \(files ?? "nothing") kept")
        // Fewer would mean that little was tried. A busy machine gets less done, so these are far below the usual.
        let faults = report.history.faults.count
        let accepted = report.history.jobs.count { $0.fate == .accepted }
        #expect(faults >= 10 * minutes)
        #expect(accepted >= 300 * minutes)
    }
}
