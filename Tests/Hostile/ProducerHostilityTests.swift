import Beanstalk
import DelayQueue
import DelayQueueTestKit
import NIOCore
import PipelinedTransport
import Testing

/// Producers on nodes that are hostile at first.
@Suite("A producer on hostile nodes", .timeLimit(.minutes(4)))
struct ProducerHostilityTests {
    private typealias Step = HostileServer.Step

    private static let answersToPuts: [[Step]] = [
        [.say("rubbish\r\n")], [.say("DELETED\r\n")], [.say("BURIED\r\n")], [.say("INSERTED 18446744073709551616\r\n")],
        [.say("INSERTED -1\r\n")], [.say("INSER"), .hangUp], [.sayForEver("A")], [.say("RESERVED 1 99999999999\r\n")],
    ]

    @Test func `a producer counts no copy on a hostile node, and uses the node once it is sane`() async throws {
        try await withLocalCluster(nodes: 3, redis: false) { cluster in
            for answer in Self.answersToPuts { try await write(to: cluster, answering: answer) }
        }
    }

    private func write(to cluster: LocalCluster, answering answer: [Step]) async throws {
        let script: [Step] = .identification + [.hear("put ")] + answer
        try await HostileServer.running([script], inFrontOf: cluster.port(of: 0)) { server in
            let addresses = ["127.0.0.1:\(server.port)"] + cluster.addresses.dropFirst()
            let nodes = try addresses.map { try BeanstalkNode($0) }
            let producer = try Self.producer(nodes)
            let receipt = try await producer.delay(.seconds(600), "x")
            try await server.closed(1)
            // Its put has no known outcome, which the receipt says.
            #expect(receipt.placements.filter { $0.id != nil }.map(\.node) == Array(nodes.dropFirst()))
            #expect(receipt.placements.count == 3)
            var next = try await producer.delay(.seconds(600), "x")
            while next.placements.count < 3 || next.placements.contains(where: { $0.id == nil }) {
                next = try await producer.delay(.seconds(600), "x")
            }
            await producer.close()
        }
    }

    @Test func `a job that only hostile nodes took is refused, and may still fire`() async throws {
        for answer in Self.answersToPuts { try await refuse(answering: answer) }
    }

    private func refuse(answering answer: [Step]) async throws {
        let scripts: [[Step]] = [.identification + [.hear("put ")] + answer]
        try await HostileServer.running(scripts) { first in
            try await HostileServer.running(scripts) { second in
                let nodes = try [first, second].map { try BeanstalkNode("127.0.0.1:\($0.port)") }
                let producer = try Self.producer(nodes)
                let error = await #expect(throws: DelayQueueError.self) { try await producer.delay(.seconds(600), "x") }
                #expect(error?.code == .insufficientCopies && error?.mayStillFire == true)
                await producer.close()
            }
        }
    }

    @Test(arguments: ["", "INSER"])
    func `silence after half an answer is refused in time`(_ half: String) async throws {
        let scripts: [[Step]] = [.identification + [.hear("put "), .say(half)]]
        try await HostileServer.running(scripts) { first in
            try await HostileServer.running(scripts) { second in
                let nodes = try [first, second].map { try BeanstalkNode("127.0.0.1:\($0.port)") }
                // Long enough for a busy machine to have connected, and sent the put.
                let producer = try Self.producer(nodes) { $0.writeTimeout = .seconds(3) }
                let error = await #expect(throws: DelayQueueError.self) { try await producer.delay(.seconds(600), "x") }
                #expect(error?.code == .insufficientCopies && error?.mayStillFire == true)
                await producer.close(within: .milliseconds(10))
            }
        }
    }

    private static func producer(
        _ nodes: [BeanstalkNode], _ configure: (inout ProducerConfiguration) -> Void = { _ in }
    ) throws -> Producer {
        var configuration = ProducerConfiguration()
        configuration.connection = Peers.soon
        configuration.writeTimeout = .seconds(60)
        // The hostile node's answer is waited for.
        configuration.stragglerGrace = .seconds(60)
        configure(&configuration)
        return try Producer(nodes: nodes, configuration: configuration, logger: Peers.logger)
    }
}
