package import Beanstalk
package import DelayQueue
package import Logging
import NIOPosix

/// Asks the nodes of a queue how many jobs they have.
package struct QueueProbe: Sendable {
    /// A job has copies on at least two nodes, so with one node out of reach the others still know of every job.
    private static let toleratedFailures = 1
    private static let interval = Duration.milliseconds(250)
    private static let timeout = Duration.seconds(2)

    private let nodes: [(node: BeanstalkNode, connection: BeanstalkConnection)]

    package init(nodes: [BeanstalkNode], connection: ConnectionConfiguration, logger: Logger) {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        self.nodes = nodes.map {
            ($0, .beanstalk($0.address, configuration: connection, eventLoop: eventLoop, logger: logger))
        }
    }

    /// Returns once the nodes have no ready, delayed or reserved jobs left and nothing is running here.
    package func untilEmpty(isBusy: @Sendable () -> Bool) async throws {
        // Nodes do not tell when they become empty, so they are asked.
        while true {
            if !isBusy(), await isEmpty(), !isBusy() { return }
            try await Task.sleep(for: Self.interval)
        }
    }

    /// Whether no job is left; false where too many nodes are out of reach to tell.
    func isEmpty() async -> Bool {
        var failures = 0
        for (_, count) in await counts() {
            switch count {
            case .success(0): continue
            case .success: return false
            case .failure: failures += 1
            }
        }
        return failures < nodes.count && failures <= Self.toleratedFailures
    }

    /// The nodes that do not answer, and why.
    package func unreachable() async -> [(node: BeanstalkNode, error: BeanstalkError)] {
        await counts().compactMap { node, count in
            if case .failure(let error) = count { (node, error) } else { nil }
        }
    }

    package func close() async {
        for node in nodes { await node.connection.close(drainingFor: .zero) }
    }

    /// How many jobs each node has that are not buried.
    private func counts() async -> [(BeanstalkNode, Result<Int, BeanstalkError>)] {
        await withTaskGroup(of: (BeanstalkNode, Result<Int, BeanstalkError>).self) { group in
            for (node, connection) in nodes {
                group.addTask {
                    do throws(BeanstalkError) {
                        let statistics = try await connection.statsTube(node.tube, timeout: Self.timeout)
                        let count =
                            statistics.currentJobsReady + statistics.currentJobsDelayed
                            + statistics.currentJobsReserved
                        return (node, .success(count))
                    } catch {
                        // A node forgets a tube nobody uses that has no jobs.
                        return (node, error.code == .notFound ? .success(0) : .failure(error))
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }
}
