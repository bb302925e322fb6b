import DelayQueueTestKit
import Foundation

/// One round: real servers and processes, faults by plan, then calm, and the judgement.
struct ChaosRound {
    let plan: ChaosPlan

    /// How long the nodes may take to become empty once all is calm, whatever the machine is busy with.
    private static let drainLimit = Duration.seconds(300)

    /// - Returns: the report, and where the files are kept; nil where all went well.
    func run() async throws -> (report: RoundReport, files: String?) {
        let folder = try RoundFolder(seed: plan.seed)
        do {
            let history = try await history(in: folder)
            let report = RoundReport(history: history, verdict: Judge.judge(history))
            try folder.write(report.lines.joined(separator: "\n") + "\n", to: "report.txt")
            let keepsFiles =
                !report.verdict.isPassed || history.faults.contains { $0.kind == .crash }
                || ProcessInfo.processInfo.environment["DQ_CHAOS_KEEP"] != nil
            if !keepsFiles { folder.removeAll() }
            return (report, keepsFiles ? folder.path : nil)
        } catch {
            throw RoundFailure(seed: plan.seed, files: folder.path, underlying: error)
        }
    }

    private func history(in folder: RoundFolder) async throws -> History {
        var beanstalkd = BeanstalkdOptions()
        // Killing a process loses nothing the kernel has; this is how nodes are to be run all the same.
        beanstalkd.binlogSyncInterval = .zero
        var redis = RedisOptions()
        redis.appendOnly = true
        // Never rewritten, because the judge reads it.
        redis.extraArguments = ["--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"]
        return try await withLocalCluster(
            nodes: plan.nodes, binlog: true, beanstalkdOptions: beanstalkd, redisOptions: redis
        ) { cluster in
            let world = try await ChaosWorld(plan: plan, cluster: cluster, folder: folder)
            let result: Result<History, any Error>
            do {
                result = .success(try await world.run(drainingFor: Self.drainLimit))
            } catch {
                result = .failure(error)
            }
            await world.close()
            return try result.get()
        }
    }
}

/// A round that could not be carried out.
struct RoundFailure: Error, CustomStringConvertible {
    let seed: UInt64
    let files: String
    let underlying: any Error

    var description: String { "seed \(seed): the round broke off: \(underlying); its files are in \(files)" }
}
