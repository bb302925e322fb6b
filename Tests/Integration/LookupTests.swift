import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import Logging
import NIOCore
import NIOPosix
import PipelinedTransport
import Testing

@Suite("Looking up hosts", .timeLimit(.minutes(4)))
struct LookupTests {
    /// A resolver that never tells the address of `silent.test`, and does not know `unknown.test`; other hosts are here.
    private static func withResolver<R>(_ body: (HostLookup) async throws -> R) async throws -> R {
        let end = DispatchSemaphore(value: 0)
        let lookup = HostLookup { host, port in
            switch host {
            case "silent.test":
                end.wait()
                end.signal()
                throw CancellationError()
            case "unknown.test": throw CancellationError()
            default: return [try SocketAddress(ipAddress: "127.0.0.1", port: port)]
            }
        }
        defer { end.signal() }
        return try await body(lookup)
    }

    private static func withConnection<R>(
        to host: String, _ port: Int, _ configuration: ConnectionConfiguration, on eventLoop: any EventLoop,
        _ body: (BeanstalkConnection) async throws -> R
    ) async throws -> R {
        let connection = BeanstalkConnection.beanstalk(
            .hostname(host, port: port), configuration: configuration, eventLoop: eventLoop, logger: Scenario.logger)
        let result: Result<R, any Error>
        do {
            result = .success(try await body(connection))
        } catch {
            result = .failure(error)
        }
        await connection.close(drainingFor: .zero)
        return try result.get()
    }

    @Test func `a name that is not answered holds up no other name, and no address, on the same loop`() async throws {
        try await Scenario.run(nodes: 1) { scenario in
            let port = scenario.cluster.nodes[0].port
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            try await Self.withResolver { lookup in
                var configuration = ConnectionConfiguration()
                configuration.lookup = lookup
                configuration.lookupTimeout = .seconds(60)
                try await Self.withConnection(to: "silent.test", port, configuration, on: loop) { silent in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            let error = await #expect(throws: BeanstalkError.self) {
                                try await silent.stats(timeout: .milliseconds(500))
                            }
                            #expect("\(error as Any)".contains("silent.test is still looked up (DNS)"))
                        }
                        for host in ["other.test", "127.0.0.1"] {
                            try await Self.withConnection(to: host, port, configuration, on: loop) {
                                _ = try await $0.stats(timeout: .seconds(20))
                            }
                        }
                        try await group.waitForAll()
                    }
                }
            }
        }
    }

    @Test(arguments: [("silent.test", "no answer within 0.2 seconds"), ("unknown.test", "CancellationError")])
    func `an error says DNS and the name`(_ host: String, _ reason: String) async throws {
        try await Self.withResolver { lookup in
            var configuration = ConnectionConfiguration()
            configuration.lookup = lookup
            configuration.lookupTimeout = .milliseconds(200)
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            try await Self.withConnection(to: host, 1, configuration, on: loop) { connection in
                let error = await #expect(throws: BeanstalkError.self) { try await connection.stats() }
                #expect("\(error as Any)".contains("the address of \(host) could not be looked up (DNS): \(reason)"))
            }
        }
    }

    @Test func `the system's resolver knows this host`() async throws {
        try await Scenario.run(nodes: 1) { scenario in
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            try await Self.withConnection(to: "localhost", scenario.cluster.nodes[0].port, .init(), on: loop) {
                _ = try await $0.stats()
            }
        }
    }

    @Test func `a node whose name is not answered is as one dead node`() async throws {
        try await Scenario.run { scenario in
            try await Self.withResolver { lookup in
                var nodes = scenario.nodes
                let silent = ServerAddress.hostname("silent.test", port: scenario.cluster.nodes[0].port)
                nodes[0] = BeanstalkNode(address: silent, tube: nodes[0].tube)
                var configuration = ProducerConfiguration()
                configuration.connection.lookup = lookup
                let producer = try Producer(nodes: nodes, configuration: configuration, logger: Scenario.logger)
                var consuming = ConsumerConfiguration()
                consuming.connection.lookup = lookup
                let consumer = try Consumer(
                    nodes: nodes, ledger: scenario.ledger, configuration: consuming, logger: Scenario.logger)
                try await scenario.closing(producer, consumer) {
                    for _ in 0..<3 {
                        let receipt = try await producer.delay(.zero, "x")
                        var jobs = consumer.makeAsyncIterator()
                        let job = try #require(try await jobs.next())
                        #expect(job.id == receipt.jobID)
                        try await job.complete()
                    }
                }
            }
        }
    }
}
