import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import HiredisClient
import NIOPosix

/// Does what go-queue's consumer does (`dq/consumernode.go`, `dq/consumer.go`): reserves a record, deletes it, and runs it at
/// once where it gets the lock.
struct GoQueueConsumer {
    struct Run {
        let id: JobID
        let time: Date
    }

    private let scenario: Scenario
    private let redis: RedisClient

    /// Its locks last for an hour and half a second.
    private static let lockMilliseconds = "3600500"

    init(_ scenario: Scenario) throws {
        self.scenario = scenario
        guard let url = scenario.cluster.redis?.url else { throw CancellationError() }
        redis = try RedisClient(
            url: try RedisURL(parsing: url), eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            logger: Scenario.logger)
    }

    /// Waits for a record whose lock nobody has.
    func next() async throws -> Run {
        try await withThrowingTaskGroup(of: Run.self) { group in
            for node in scenario.nodes.indices {
                group.addTask {
                    try await scenario.withConnection(to: node) { connection in
                        while true {
                            try Task.checkCancellation()
                            guard let job = try await connection.reserve(timeout: 1) else { continue }
                            _ = try await connection.delete(job.id)
                            guard case .goQueue(let record) = JobRecord(parsing: job.body) else { continue }
                            let lock = try await redis.command(
                                "SET", record.id.description, "\(UInt64.random(in: 0 ... .max))", "NX", "PX",
                                Self.lockMilliseconds)
                            if lock == .status("OK") { return Run(id: record.id, time: .now) }
                        }
                    }
                }
            }
            defer { group.cancelAll() }
            guard let run = try await group.next() else { throw CancellationError() }
            return run
        }
    }

    func close() async { await redis.close() }
}
