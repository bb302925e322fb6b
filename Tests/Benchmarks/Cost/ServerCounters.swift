import Beanstalk
import DelayQueue
import HiredisClient
import Logging
import NIOPosix

/// What servers have been asked to do since they began.
struct ServerCounters: Sendable {
    private let nodes: [(place: BeanstalkNode, connection: BeanstalkConnection)]
    private let ledger: RedisClient

    /// What this itself asks, and what says nothing about jobs, is left out.
    private static let counted = ["put", "peek", "delete", "release", "bury", "kick", "touch", "stats-job"]
    private static let reserves = ["reserve", "reserve-with-timeout"]

    init(_ place: Place) throws {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        nodes = place.nodes.map { ($0, .beanstalk($0.address, eventLoop: eventLoop, logger: place.logger)) }
        ledger = try RedisClient(
            url: try RedisURL(parsing: place.redisURL), eventLoop: eventLoop, logger: place.logger)
    }

    /// - Returns: the counts of servers; those of a program are zero.
    func read() async throws -> RunCount {
        var count = RunCount()
        for node in nodes {
            let statistics = try await node.connection.stats()
            count.nodeCommands += Self.counted.reduce(0) { $0 + (statistics.commandCount($1) ?? 0) }
            count.reserves += Self.reserves.reduce(0) { $0 + (statistics.commandCount($1) ?? 0) }
        }
        let lines = (try await ledger.command("INFO", "everything").string ?? "").split(whereSeparator: \.isNewline)
        for line in lines {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            switch parts[0] {
            case "total_net_input_bytes", "total_net_output_bytes": count.ledgerBytes += Int(parts[1]) ?? 0
            case "cmdstat_evalsha", "cmdstat_eval":
                // "calls=12,usec=34,..."
                count.ledgerCalls += parts[1].prefix { $0 != "," }.split(separator: "=").last.flatMap { Int($0) } ?? 0
            default: continue
            }
        }
        return count
    }

    /// Keeps standbys from becoming ready: under callgrind a program takes longer than they stand by, and would meet
    /// those that it deletes in time otherwise.
    func holdStandbys() async throws {
        for node in nodes {
            do throws(BeanstalkError) {
                try await node.connection.pauseTube(node.place.standbyTube, delay: Self.longest)
            } catch {
                guard error.code == .notFound else { throw error }
            }
        }
    }

    private static let longest: UInt32 = 3_600

    /// Returns when the nodes have no job left that is due.
    ///
    /// - Throws: `CostFailure` where that takes minutes.
    func untilTaken() async throws {
        let end = ContinuousClock.now + .seconds(300)
        for node in nodes {
            // Nodes do not tell when they become empty, so they are asked.
            while try await isBusy(node) {
                guard ContinuousClock.now < end else { throw CostFailure("jobs are still there after minutes") }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    private func isBusy(_ node: (place: BeanstalkNode, connection: BeanstalkConnection)) async throws -> Bool {
        for name in [node.place.tube, node.place.standbyTube] {
            do throws(BeanstalkError) {
                let tube = try await node.connection.statsTube(name)
                if tube.currentJobsReady + tube.currentJobsReserved + tube.currentJobsDelayed > 0 { return true }
            } catch {
                // A tube nobody uses that is empty is forgotten.
                guard error.code == .notFound else { throw error }
            }
        }
        return false
    }

    func close() async {
        for node in nodes { await node.connection.close(drainingFor: .zero) }
        await ledger.close()
    }
}
