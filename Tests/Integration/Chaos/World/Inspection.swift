import Beanstalk
import DelayQueueTestKit
import HiredisClient
import Logging
import NIOPosix
import PipelinedTransport

/// Looks at the servers directly, past all proxies.
struct Inspection: Sendable {
    private static let interval = Duration.milliseconds(250)

    private let nodes: [BeanstalkConnection]
    private let redis: RedisClient?

    init(cluster: LocalCluster) throws {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        var logger = Logger(label: "chaos")
        logger.logLevel = .critical
        let (quiet, loop) = (logger, eventLoop)
        nodes = try cluster.addresses.map {
            guard let address = ServerAddress(parsing: $0) else { throw UnreadableAddress(text: $0) }
            return .beanstalk(address, eventLoop: loop, logger: quiet)
        }
        redis = try cluster.redis.map {
            try RedisClient(url: try RedisURL(parsing: $0.url), eventLoop: loop, logger: quiet)
        }
    }

    func close() async {
        for node in nodes { await node.close() }
        await redis?.close()
    }

    /// Waits until no node has a job, in whatever tube and state.
    ///
    /// - Returns: false where that took too long.
    func waitUntilEmpty(atMost limit: Duration) async throws -> Bool {
        let end = ContinuousClock.now + limit
        // Nodes tell nobody when they become empty.
        while true {
            if await nodesAreEmpty() { return true }
            guard ContinuousClock.now < end else { return false }
            try await Task.sleep(for: Self.interval)
        }
    }

    private func nodesAreEmpty() async -> Bool {
        for node in nodes {
            guard let statistics = try? await node.stats(), statistics.jobs == 0 else { return false }
        }
        return true
    }

    /// What is left on the servers and should not be, in words.
    func leftovers() async -> [String] {
        var leftovers: [String] = []
        for (index, node) in nodes.enumerated() {
            do {
                let statistics = try await node.stats()
                guard statistics.jobs > 0 else { continue }
                leftovers.append(
                    "node\(index): \(statistics.currentJobsReady) ready, \(statistics.currentJobsDelayed) delayed, "
                        + "\(statistics.currentJobsReserved) reserved, \(statistics.currentJobsBuried) buried")
            } catch {
                leftovers.append("node\(index) does not answer: \(error)")
            }
        }
        do {
            leftovers += try await keysForGood()
        } catch {
            leftovers.append("the ledger does not answer: \(error)")
        }
        return leftovers
    }

    /// Keys that are no records, or never end.
    private func keysForGood() async throws -> [String] {
        guard let redis else { return [] }
        var leftovers: [String] = []
        var cursor = "0"
        repeat {
            guard let page = try await redis.command("SCAN", cursor, "COUNT", "1000").array, page.count == 2,
                let next = page[0].string, let keys = page[1].array?.compactMap(\.string)
            else { return leftovers + ["ledger: SCAN was not answered as it should be"] }
            cursor = next
            let lifetimes = await redis.send { batch in
                for key in keys { batch.command("PTTL", .text(key)) }
            }
            for (index, key) in keys.enumerated() {
                if !key.hasPrefix(Network.keyPrefix) { leftovers.append("ledger: the key \(key)") }
                // -1 means without end; -2, that it ended between the two questions.
                if try lifetimes[index].get().int == -1 { leftovers.append("ledger: \(key) has no end") }
            }
        } while cursor != "0"
        return leftovers
    }
}

private struct UnreadableAddress: Error {
    let text: String
}

extension ServerStatistics {
    fileprivate var jobs: Int {
        currentJobsReady + currentJobsDelayed + currentJobsReserved + currentJobsBuried
    }
}
