import Beanstalk
import DelayQueue
import DelayQueueTestKit
import NIOCore
import NIOPosix

/// Records written to a node by hand.
enum Jobs {
    /// A job that is due, as a producer would have written it.
    static func write(_ id: String, to node: BeanstalkNode) async throws {
        let template = EnvelopeTemplate(
            id: try JobID(id), fireTime: .now(), timeToRun: 10, priority: 1, headers: [:], body: ByteBuffer(string: id))
        var bytes = ByteBuffer()
        template.write(copy: 0, copies: 1, into: &bytes)
        try await write(bytes, to: node)
    }

    static func write(_ record: ByteBuffer, to node: BeanstalkNode) async throws {
        try await withConnection(to: node) { connection in
            _ = try await connection.put(record, priority: 0, delay: 0, timeToRun: 10, timeout: .seconds(60))
        }
    }

    static func statistics(of node: BeanstalkNode) async throws -> TubeStatistics {
        try await withConnection(to: node) { try await $0.statsTube(node.tube, timeout: .seconds(60)) }
    }

    private static func withConnection<R>(
        to node: BeanstalkNode, _ body: (BeanstalkConnection) async throws -> R
    ) async throws -> R {
        let connection = BeanstalkConnection.beanstalk(
            node.address, useTube: node.tube, configuration: Peers.soon,
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Peers.logger)
        let result: Result<R, any Error>
        do {
            result = .success(try await body(connection))
        } catch {
            result = .failure(error)
        }
        await connection.close()
        return try result.get()
    }
}

extension LocalCluster {
    func port(of node: Int) -> Int { nodes[node].port }
}
