import Beanstalk
import DelayQueue
import DelayQueueTestKit
import HiredisClient
import NIOCore
import Testing

/// The ledger, on a server whose scripts answer anything.
@Suite("A ledger on a hostile Redis", .timeLimit(.minutes(4)))
struct LedgerHostilityTests {
    private typealias Step = HostileServer.Step

    private static func ledger(on port: Int) throws -> RedisLedger {
        var configuration = RedisLedgerConfiguration()
        configuration.connection = Peers.soon
        configuration.timeout = .seconds(60)
        return try RedisLedger("redis://127.0.0.1:\(port)", configuration: configuration, logger: Peers.logger)
    }

    /// Answers to what every connection of a ledger asks first, then some to a script.
    private static func script(_ replies: String) -> [Step] {
        // As many as the ledger has scripts: a digest too few, and it waits for ever.
        let digests = (0..<21).map { bulk(String(repeating: String($0 + 16, radix: 16), count: 20)) }
        return [
            .hear("memory"), .say("$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n" + digests.joined()), .hear("EVAL"), .say(replies),
        ]
    }

    private static func bulk(_ text: String) -> String { "$\(text.utf8.count)\r\n\(text)\r\n" }

    private static let unfit =
        [":1\r\n", "$-1\r\n", "*0\r\n", "*1\r\n+x\r\n", "+\r\n", "rubbish\r\n"]
        + [
            "", "granted", "granted 1", "granted -1 0", "granted 1 0 0", "granted 1 18446744073709551616", "held",
            "ended", "ended 1", "ended 1 0/0/0", "suspect", "suspect 1 2", "granted 1 0/1", "granted 1 0/1/0/0",
            "held -1", "waiting 1e9", "early", "early -1", "time 1", "finished", "finished 1", "renewed", "settled",
            "lost", "revoked", "running",
            "forgotten",
        ].map(bulk)

    private static func claim(_ id: String) throws -> LedgerRequest {
        LedgerRequest(key: LedgerKey(queue: .default, id: try JobID(id)), operation: .claim(.random()))
    }

    @Test func `a claim answered by anything else is not granted, nor are those behind it`() async throws {
        try await withRedis(options: Peers.openRedis) { real in
            for (number, reply) in Self.unfit.enumerated() {
                // What follows would be grants, were they not shifted by one.
                let replies = reply + Self.bulk("granted 1 0") + Self.bulk("granted 1 0")
                try await HostileServer.running([Self.script(replies)], inFrontOf: real.port) { server in
                    let ledger = try Self.ledger(on: server.port)
                    let requests = try ["a", "b", "c"].map { try Self.claim("\($0)\(number)") }
                    for result in await ledger.perform(requests) {
                        let error = #expect(throws: DelayQueueError.self) { try result.get() }
                        #expect(
                            error?.code == .ledgerUnavailable && error?.isRetriable == true,
                            "\(reply.debugDescription): \(error.map { "\($0)" } ?? "none")")
                    }
                    try await server.closed(1)
                    var results = await ledger.perform(requests)
                    while results.contains(where: { (try? $0.get()) == nil }) {
                        try Task.checkCancellation()
                        results = await ledger.perform(requests)
                    }
                    for result in results { #expect(try result.get() == .granted(attempt: 1, failures: 0)) }
                    await ledger.close()
                }
            }
        }
    }

    @Test func `a push among answers ends the connection, and what is behind it is not granted`() async throws {
        let replies = Self.bulk("granted 1 0") + ">2\r\n+invalidate\r\n" + Self.bulk("granted 1 0")
        try await HostileServer.running([Self.script(replies)]) { server in
            let ledger = try Self.ledger(on: server.port)
            let results = await ledger.perform(try ["a", "b"].map(Self.claim))
            #expect(try results[0].get() == .granted(attempt: 1, failures: 0))
            let error = #expect(throws: DelayQueueError.self) { try results[1].get() }
            #expect(error?.code == .ledgerUnavailable && error?.isRetriable == true)
            try await server.closed(1)
            await ledger.close()
        }
    }

    @Test func `a settlement answered by a grant is not settled`() async throws {
        try await withRedis(options: Peers.openRedis) { real in
            let script = Self.script(Self.bulk("granted 1 0"))
            try await HostileServer.running([script], inFrontOf: real.port) { server in
                let ledger = try Self.ledger(on: server.port)
                let request = LedgerRequest(
                    key: LedgerKey(queue: .default, id: try JobID("a")),
                    operation: .complete(.random(), attempt: 1, copies: 3))
                let error = await #expect(throws: DelayQueueError.self) { try await ledger.perform(request) }
                #expect(error?.code == .ledgerUnavailable && error?.isRetriable == true)
                await ledger.close()
            }
        }
    }

    @Test func `nothing runs on a hostile ledger's word, and all runs once it is sane`() async throws {
        for reply in [":1\r\n", Self.bulk("settled"), Self.bulk("granted 1"), "rubbish\r\n"] {
            try await runsOnceLedgerIsSane(after: Self.script(reply))
        }
        try await runsOnceLedgerIsSane(after: Self.script("$5\r\nhal") + [.hangUp])
    }

    private func runsOnceLedgerIsSane(after script: [Step]) async throws {
        try await withLocalCluster(nodes: 1, redisOptions: Peers.openRedis) { cluster in
            let real = try #require(cluster.redis)
            try await HostileServer.running([script, script], inFrontOf: real.port) { server in
                let ledger = try Self.ledger(on: server.port)
                let nodes = try cluster.addresses.map { try BeanstalkNode($0) }
                try await Jobs.write("a", to: nodes[0])
                let consumer = try Consumer(nodes: nodes, ledger: ledger, logger: Peers.logger)
                var iterator = consumer.makeAsyncIterator()
                let job = try #require(try await iterator.next())
                #expect(job.id.description == "a" && job.attempt == 1)
                #expect(server.accepted == 3)
                try await job.complete()
                await consumer.close(within: .seconds(1))
                await ledger.close()
            }
        }
    }
}
