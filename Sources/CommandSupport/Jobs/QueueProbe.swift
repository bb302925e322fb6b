package import Beanstalk
package import DelayQueue
package import Logging
import NIOPosix
import PipelinedTransport

/// Asks the nodes of a queue how many jobs they have.
package struct QueueProbe: Sendable {
    /// A job has copies on at least two nodes, so with one node out of reach the others still know of every job.
    private static let toleratedFailures = 1
    private static let interval = Duration.milliseconds(250)
    private static let timeout = Duration.seconds(2)
    private static let longestPause = Duration.seconds(5)

    private let nodes: [(node: BeanstalkNode, connection: BeanstalkConnection)]
    /// Nil where all copies count, those of dead jobs too.
    private let operations: QueueOperations?

    /// - Parameter operations: finds dead jobs, whose copies are left out; closed with the probe.
    package init(
        nodes: [BeanstalkNode], operations: QueueOperations? = nil, connection: ConnectionConfiguration, logger: Logger
    ) {
        self.operations = operations
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        self.nodes = nodes.map {
            (
                $0,
                .beanstalk(
                    $0.address, identifiesServer: true, configuration: connection, eventLoop: eventLoop, logger: logger)
            )
        }
    }

    /// Returns once the nodes have no ready, delayed or reserved jobs left but dead ones, and nothing is running here.
    package func untilEmpty(isBusy: @Sendable () -> Bool) async throws {
        // Nodes do not tell when they become empty, so they are asked. To look through the ledger for dead jobs costs
        // more, so that is done ever less often.
        var pause = Self.interval
        var looksAt = ContinuousClock.now
        while true {
            if !isBusy() {
                let left = await jobsLeft()
                if left.isEmpty, !isBusy() { return }
                if left.isDelayedOnly, ContinuousClock.now >= looksAt {
                    let start = ContinuousClock.now
                    if try await areDeadOnly(), !isBusy() { return }
                    pause = max(min(pause * 2, Self.longestPause), (.now - start) * 20)
                    looksAt = .now + pause
                }
            }
            try await Task.sleep(for: Self.interval)
        }
    }

    /// What the nodes have, or enough of them to tell.
    private struct JobsLeft {
        /// The delayed jobs of each node that answered.
        var delayed: [ServerAddress: Int] = [:]
        var isDelayedOnly = true
        var isEmpty: Bool { isDelayedOnly && delayed.values.allSatisfy { $0 == 0 } }
    }

    private func jobsLeft() async -> JobsLeft {
        var left = JobsLeft()
        var failures = 0
        for (node, count) in await counts() {
            switch count {
            case .success(let count):
                left.delayed[node.address] = count.delayed
                if count.others > 0 { left.isDelayedOnly = false }
            case .failure: failures += 1
            }
        }
        if failures == nodes.count || failures > Self.toleratedFailures { left.isDelayedOnly = false }
        return left
    }

    /// Whether all that waits are copies of dead jobs.
    private func areDeadOnly() async throws -> Bool {
        guard let operations else { return false }
        do throws(DelayQueueError) {
            let copies = await operations.copies(of: try await operations.deadJobs())
            // Looked at last: a job that came meanwhile counts.
            let left = await jobsLeft()
            return left.isDelayedOnly
                && left.delayed.allSatisfy { address, delayed in
                    delayed <= copies[address, default: [:]].values.reduce(0, +)
                }
        } catch {
            if error.code == .cancelled { throw CancellationError() }
            guard error.isRetriable else { throw error }
            return false
        }
    }

    /// The nodes that do not answer, and why.
    package func unreachable() async -> [(node: BeanstalkNode, error: BeanstalkError)] {
        await counts().compactMap { node, count in
            if case .failure(let error) = count { (node, error) } else { nil }
        }
    }

    package func close() async {
        await operations?.close()
        for node in nodes { await node.connection.close(drainingFor: .zero) }
    }

    /// How many copies each node has in both tubes of the queue that are not buried: delayed ones, and those that are
    /// ready or reserved.
    private func counts() async -> [(BeanstalkNode, Result<(delayed: Int, others: Int), BeanstalkError>)] {
        await withTaskGroup(
            of: (BeanstalkNode, Result<(delayed: Int, others: Int), BeanstalkError>).self
        ) { group in
            for (node, connection) in nodes {
                group.addTask {
                    var count = (delayed: 0, others: 0)
                    for tube in CopyTube.allCases {
                        do throws(BeanstalkError) {
                            let statistics = try await connection.statsTube(
                                node.name(of: tube), timeout: Self.timeout)
                            count.delayed += statistics.currentJobsDelayed
                            count.others += statistics.currentJobsReady + statistics.currentJobsReserved
                        } catch {
                            // A node no longer knows a tube that has no jobs and that nobody uses.
                            if error.code != .notFound { return (node, .failure(error)) }
                        }
                    }
                    return (node, .success(count))
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }
}
