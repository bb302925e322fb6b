import Beanstalk
import DelayQueue
import DelayQueueTestKit
import NIOCore
import PipelinedTransport
import Testing

/// Consumers on nodes that are hostile at first, or whose jobs are.
@Suite("A consumer on hostile nodes", .timeLimit(.minutes(4)))
struct ConsumerHostilityTests {
    private typealias Step = HostileServer.Step

    private static let answersToReserves = [
        "rubbish\r\n", "FOUND 1 1\r\nx\r\n", "INSERTED 1\r\n", "DELETED\r\n", "OK 0\r\n\r\n", "NOT_FOUND\r\n",
        "RESERVED 1 -1\r\nx\r\n", "RESERVED 18446744073709551616 1\r\nx\r\n", "RESERVED 1 4294967296\r\n",
        // A job, and something nobody asked for; the job is a stranger's and is looked at before it is buried.
        "RESERVED 1 1\r\nx\r\nRESERVED 2 1\r\nx\r\n",
    ]

    @Test func `a consumer takes nothing from a hostile node, and goes on once it is sane`() async throws {
        for reply in Self.answersToReserves { try await consume(answering: reply) }
    }

    private func consume(answering reply: String) async throws {
        try await withLocalCluster(nodes: 1, redis: false) { cluster in
            // One of three connections is the consumer's side one, on which nothing is reserved.
            let script: [Step] = .greeting + [.hear("reserve"), .say(reply)]
            try await HostileServer.running([script, script, script], inFrontOf: cluster.port(of: 0)) { server in
                try await Jobs.write("a", to: try BeanstalkNode(cluster.addresses[0]))
                let consumer = try Self.consumer([try BeanstalkNode("127.0.0.1:\(server.port)")])
                var iterator = consumer.makeAsyncIterator()
                let job: Job?
                do {
                    job = try await iterator.next()
                } catch {
                    // The time limit's cancellation, too, which would not say what was waited for.
                    let statistics = await Task { try? await Jobs.statistics(of: BeanstalkNode(cluster.addresses[0])) }
                        .value
                    Issue.record(
                        """
                        no job after \(reply.debugDescription), with \(server.accepted) connections, \
                        of \(String(describing: statistics)): \(error)
                        """)
                    throw error
                }
                #expect(job?.id.description == "a")
                #expect(server.accepted >= 4)
                try await job?.complete()
                await consumer.close(within: .seconds(1))
            }
        }
    }

    @Test(arguments: [
        "OUT_OF_MEMORY", "INTERNAL_ERROR", "BAD_FORMAT", "UNKNOWN_COMMAND", "TIMED_OUT", "DEADLINE_SOON",
    ])
    func `a node that does not wait with its answer is not asked without pause`(_ reply: String) async throws {
        let script: [Step] = .greeting + [.answer("reserve-with-timeout", with: reply + "\r\n")]
        try await HostileServer.running([script, script]) { server in
            let consumer = try Self.consumer([try BeanstalkNode("127.0.0.1:\(server.port)")])
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { for try await _ in consumer { Issue.record("a job was delivered") } }
                // The first burst need not wait.
                try await server.answered(20)
                let start = ContinuousClock.now
                try await server.answered(25)
                #expect(ContinuousClock.now - start >= .milliseconds(300))
                group.cancelAll()
            }
            await consumer.close(within: .milliseconds(10))
        }
    }

    // MARK: Records

    private static let hostileRecords: [String] = [
        "", "DQ1", "DQ1 ", "DQ1 \r\n\r\n", "DQ1      \r\n\r\n", "DQ1 a 0 0/1 30 0", "DQ1 a 0 0/1 30 0\r\n",
        "DQ1 a 0 0/1 30 0\n\n",
        "DQ1 a -1 0/1 30 0\r\n\r\n", "DQ1 a 9007199254740993 0/1 30 0\r\n\r\n",
        "DQ1 a 9223372036854775808 0/1 30 0\r\n\r\n",
        "DQ1 a 0 1/1 30 0\r\n\r\n", "DQ1 a 0 64/0 30 0\r\n\r\n", "DQ1 a 0 0/65 30 0\r\n\r\n",
        "DQ1 a 0 -1/3 30 0\r\n\r\n",
        "DQ1 a 0 0/1 0 0\r\n\r\n", "DQ1 a 0 0/1 4294967296 0\r\n\r\n", "DQ1 a 0 0/1 30 4294967296\r\n\r\n",
        "DQ1 a 0 0/1 30 -1\r\n\r\n", "DQ1 a\u{7f} 0 0/1 30 0\r\n\r\n", "DQ1 \u{e9} 0 0/1 30 0\r\n\r\n",
        "DQ1 \(String(repeating: "a", count: 201)) 0 0/1 30 0\r\n\r\n", "DQ1 a 0 0/1 30 0\r\nA: b\r\n\r\n",
        "DQ1 a 0 0/1 30 0\r\nx: \u{1}\r\n\r\n", "DQ1 a 0 0/1 30 0\r\nx: 1\r\nx: 2\r\n\r\n",
        "DQ1 a 0 0/1 30 0\r\nx:y\r\n\r\n",
        "DQ1 a 0 0/1 30 0\r\n" + (0..<129).map { "h\($0): x\r\n" }.joined() + "\r\n",
        "DQ2 a 0 0/1 30 0\r\n\r\n", "DQS1 a 0 0/1 30 0 sign k1 \(String(repeating: "0", count: 64))\r\n\r\n",
        String(repeating: " ", count: 60_000), String(repeating: "DQ1 a 0 0/1 30 0\r\n", count: 3_000),
        "9223372036854775808/x", "-1/x", "/x", "\0\0\0\0",
    ]

    @Test func `hostile records are strangers' jobs: buried, and the job behind them runs`() async throws {
        try await withLocalCluster(nodes: 1, redis: false) { cluster in
            let node = try BeanstalkNode(cluster.addresses[0])
            for record in Self.hostileRecords { try await Jobs.write(ByteBuffer(string: record), to: node) }
            try await Jobs.write("good", to: node)
            let consumer = try Self.consumer([node])
            var iterator = consumer.makeAsyncIterator()
            let job = try #require(try await iterator.next())
            #expect(job.id.description == "good")
            try await job.complete()
            while try await Jobs.statistics(of: node).currentJobsBuried < Self.hostileRecords.count {
                try Task.checkCancellation()
            }
            await consumer.close(within: .seconds(1))
        }
    }

    @Test func `the extremes a record may hold are not fired early, and stop nothing`() async throws {
        try await withLocalCluster(nodes: 1, redis: false) { cluster in
            let node = try BeanstalkNode(cluster.addresses[0])
            for record in [
                "DQ1 a 9007199254740992 0/1 4294967295 4294967295\r\n\r\n", "DQ1 b 9007199254740992 63/64 1 0\r\n\r\n",
                "9223372036854775807/x",
            ] {
                try await Jobs.write(ByteBuffer(string: record), to: node)
            }
            // Due in 1970: later than any record of it could last, so not proven unrun.
            try await Jobs.write(ByteBuffer(string: "DQ1 c 0 63/64 4294967295 0\r\n\r\n"), to: node)
            try await Jobs.write("good", to: node)
            let consumer = try Self.consumer([node])
            var iterator = consumer.makeAsyncIterator()
            let job = try #require(try await iterator.next())
            #expect(job.id.description == "good")
            try await job.complete()
            var statistics = try await Jobs.statistics(of: node)
            while statistics.currentJobsDelayed < 3 || statistics.currentJobsBuried < 1 {
                try Task.checkCancellation()
                statistics = try await Jobs.statistics(of: node)
            }
            await consumer.close(within: .seconds(1))
        }
    }

    private static func consumer(_ nodes: [BeanstalkNode]) throws -> Consumer {
        var configuration = ConsumerConfiguration()
        configuration.connection = Peers.soon
        return try Consumer(
            nodes: nodes, ledger: InMemoryLedger(), configuration: configuration, logger: Peers.logger)
    }
}
