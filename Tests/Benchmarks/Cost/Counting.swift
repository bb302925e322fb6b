import Beanstalk
import DelayQueueTestKit
import Foundation
import Subprocess

/// Counts what kinds of work cost, by running them under callgrind.
struct Counting: Sendable {
    let cluster: LocalCluster
    /// A program that understands `work`: this one.
    let program: String
    /// For callgrind's output.
    let folder: URL

    /// Starts servers and makes room for files, for the time of `body`.
    static func with<R>(_ program: String, _ body: (Counting) async throws -> R) async throws -> R {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("dq-cost-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try await withLocalCluster(nodes: 3, redis: true) { cluster in
            try await body(Counting(cluster: cluster, program: program, folder: folder))
        }
    }

    /// Does the work in a process under callgrind.
    func run(_ work: Work, jobs: Int) async throws -> RunCount {
        guard let redis = cluster.redis else { throw CostFailure("no Redis was started") }
        // Nobody else uses it: what one run leaves cannot disturb the next.
        let tube = "cost-\(UUID())"
        let place = try Place(addresses: cluster.addresses, tube: tube, redisURL: redis.url)
        let counters = try ServerCounters(place)
        if work.needsJobs {
            try await place.fill(jobs: jobs, work)
            try await counters.holdStandbys()
        }
        let before = try await counters.read()
        let profile = try await profile(
            [
                "work", "--name", work.name, "--jobs", "\(jobs)", "--nodes",
                cluster.addresses.joined(separator: ","), "--tube", tube,
            ], redisURL: redis.url
        ) {
            if work.needsJobs { try await counters.untilTaken() }
        }
        let after = try await counters.read()
        await counters.close()
        return RunCount(
            instructions: profile.instructions, instructionsByFunction: profile.instructionsByFunction,
            allocations: profile.allocations,
            nodeCommands: after.nodeCommands - before.nodeCommands, reserves: after.reserves - before.reserves,
            ledgerCalls: after.ledgerCalls - before.ledgerCalls, ledgerBytes: after.ledgerBytes - before.ledgerBytes)
    }

    /// - Parameter redisURL: no argument, as everybody sees those, and a password is in it.
    /// - Parameter told: when this returns, the program's input ends.
    private func profile(
        _ arguments: [String], redisURL: String, until told: () async throws -> Void
    ) async throws -> CallgrindProfile {
        let output = folder.appendingPathComponent("callgrind.out").path
        let log = folder.appendingPathComponent("valgrind.log").path
        let valgrind = [
            "--tool=callgrind", "--fair-sched=yes", "--callgrind-out-file=\(output)", "--log-file=\(log)", program,
        ]
        var options = PlatformOptions()
        options.teardownSequence = [.send(signal: .terminate, allowedDurationToNextStep: .seconds(3))]
        let status: TerminationStatus
        do {
            status = try await Subprocess.run(
                .name("valgrind"), arguments: Arguments(valgrind + arguments),
                environment: .inherit.updating(["DQ_REDIS": redisURL]), platformOptions: options,
                input: .inputWriter, output: .discarded, error: .currentStandardError
            ) { execution in
                try await told()
                try await execution.standardInputWriter.finish()
            }.terminationStatus
        } catch let error as SubprocessError {
            throw CostFailure("valgrind could not be run: \(error)")
        }
        guard status.isSuccess, let text = try? String(contentsOfFile: output, encoding: .utf8),
            let profile = CallgrindProfile(text)
        else {
            let remarks = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            throw CostFailure("valgrind ended with \(status):\n\(remarks.suffix(2_000))")
        }
        return profile
    }
}

/// A failure that is told to people as it is.
struct CostFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
