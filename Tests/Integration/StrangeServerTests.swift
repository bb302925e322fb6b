import DelayQueue
import DelayQueueTestKit
import Logging
import MetricsTestKit
import TestSupport
import Testing

/// What is at a node's address does not serve as one, or not for long.
@Suite("Strange servers", .timeLimit(.minutes(4)))
struct StrangeServerTests {
    @Test func `a node that is no beanstalkd is said to be none, once`() async throws {
        try await Scenario.run { scenario in
            let log = LogCapture()
            var nodes = scenario.nodes
            nodes[0] = try BeanstalkNode(try #require(scenario.cluster.redis).address, tube: scenario.tube)
            let producer = try Producer(nodes: nodes, logger: log.logger)
            let consumer = try Consumer(nodes: nodes, ledger: scenario.ledger, logger: log.logger)
            try await scenario.closing(producer, consumer) {
                for _ in 0..<5 {
                    try await producer.delay(.zero, "x")
                    var jobs = consumer.makeAsyncIterator()
                    try await #require(try await jobs.next()).complete()
                }
                for message in [
                    "a node's server does not serve; nothing is written to it",
                    "node is away; jobs run from their copies on the others",
                ] {
                    let entries = log.entries.filter { $0.message == message }
                    #expect(entries.count == 1, "\(log.lines)")
                    #expect(entries.first?.description.contains("this is no beanstalkd") == true)
                    #expect(entries.first?.level == .warning)
                }
            }
        }
    }

    @Test func `connections that are cut while they wait are told of once, and then counted`() async throws {
        _ = processMetrics
        try await Scenario.run(nodes: 1) { scenario in
            let log = LogCapture()
            try await withFaultProxy(to: scenario.cluster.nodes[0].port) { proxy in
                let nodes = [try BeanstalkNode(proxy.address, tube: scenario.tube)]
                let consumer = try Consumer(nodes: nodes, ledger: scenario.ledger, logger: log.logger)
                let cuts = try processMetrics.expectCounter(
                    "dq_connections_cut_total", [("queue", scenario.tube)])
                try await scenario.closing(nil, consumer) {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { for try await _ in consumer {} }
                        for round in 1...3 {
                            try await scenario.eventually {
                                try await scenario.statistics(of: 0)?.currentWaiting == 1
                            }
                            await proxy.cutAll()
                            try await scenario.eventually { cuts.totalValue == round }
                        }
                        group.cancelAll()
                    }
                }
                let warnings = log.entries.filter { $0.level >= .warning }
                #expect(warnings.count == 1, "\(warnings)")
                #expect(warnings.first?.message.hasPrefix("a connection that waited for jobs was cut") == true)
            }
        }
    }
}
