import Beanstalk
import DelayQueue
import DelayQueueTestKit
import TestSupport
import Testing

/// What a user of the ledger's server must be allowed to do, and nothing else.
@Suite(
    "Permissions of the ledger's user", .enabled(if: RedisProgram.isAtLeast(6)), .serialized, .timeLimit(.minutes(1)))
struct LedgerPermissionTests {
    private static let commands = [
        "+script|load", "+eval", "+evalsha", "+time", "+get", "+set", "+pexpire", "+hget", "+hset", "+hdel", "+hgetall",
    ]
    private static let nativeKeys = "~dq:default:*"
    private static let goQueueKeys = "~????????????????????????????????"

    private static func server(commands: [String], keys: [String]) -> RedisOptions {
        var options = RedisOptions()
        options.aclLines = [
            "worker on >hunter2 \((keys + commands).joined(separator: " "))", "default off",
        ]
        return options
    }

    private static func url(_ server: RedisServer) -> String {
        "redis://worker:hunter2@127.0.0.1:\(server.port)"
    }

    /// Every operation there is, in an order in which each one changes something.
    private func everyOperation(on key: LedgerKey) throws -> [LedgerRequest] {
        let owner = try ClaimOwner("owner")
        let copy = StoredCopy(try BeanstalkNode("127.0.0.1:1").address, BeanstalkJobID(1))
        let fireDate = Timestamp.now().date
        let operations: [LedgerRequest.Operation] = [
            .status, .claim(owner), .renew(owner, attempt: 1),
            .retry(owner, attempt: 1, delay: .zero), .claim(owner),
            .release(owner, attempt: 2), .claim(owner),
            .bury(owner, attempt: 3, DeathReport(reason: "x", consumer: "c")), .noteCopies([copy]), .replay(owner),
            .claim(owner), .complete(owner, attempt: 4, copies: 3), .forget([0, 1, 2], of: 3),
            .revoke(fireDate: fireDate, copies: 3),
        ]
        let presence = ConsumerPresence(id: "a", process: "h/1", version: "1", interval: .seconds(1))
        let onBoard: [BoardOperation] = [
            .pause(for: nil, by: "b", why: "w"), .checkIn(presence, isFirst: true), .resume, .checkOut("a"),
        ]
        let requests = operations.map { LedgerRequest(key: key, operation: $0) }
        guard key.description.hasPrefix("dq:") else { return requests }
        let queue = try TubeName(validating: String(key.description.split(separator: ":")[1]))
        return requests
            + onBoard.map { LedgerRequest(key: LedgerKey(boardOf: queue), operation: .board($0)) }
    }

    private func results(
        _ server: RedisServer, on key: LedgerKey
    ) async throws -> [Result<LedgerReply, DelayQueueError>] {
        let ledger = try RedisLedger(Self.url(server))
        var results: [Result<LedgerReply, DelayQueueError>] = []
        for request in try everyOperation(on: key) { results += await ledger.perform([request]) }
        await ledger.close()
        return results
    }

    private static let native = LedgerKey(queue: .default, id: JobID.random())

    private static func goQueue() throws -> LedgerKey {
        LedgerKey(goQueue: try JobID("eed9ca1b2163fe2e61f74cd7c1475c7a"))
    }

    @Test func `eleven commands and two patterns of keys are enough`() async throws {
        try await withRedis(
            options: Self.server(commands: Self.commands, keys: [Self.nativeKeys, Self.goQueueKeys])
        ) { server in
            for key in [Self.native, try Self.goQueue()] {
                let results = try await results(server, on: key)
                let replies = try results.map { try $0.get() }
                #expect(replies[13] == .alreadyDone)
                #expect(replies.count == (key == Self.native ? 18 : 14))
            }
        }
    }

    @Test(arguments: commands)
    func `each of the commands is needed`(command: String) async throws {
        try await withRedis(
            options: Self.server(commands: Self.commands.filter { $0 != command }, keys: [Self.nativeKeys])
        ) { server in
            let results = try await results(server, on: Self.native)
            let refusals = results.compactMap { result -> DelayQueueError? in
                if case .failure(let error) = result { error } else { nil }
            }
            #expect(!refusals.isEmpty, "\(command)")
            #expect(refusals.allSatisfy { $0.code == .ledgerMisconfigured && !"\($0)".contains("hunter2") })
        }
    }

    @Test func `a queue's own pattern keeps other keys out of reach`() async throws {
        try await withRedis(options: Self.server(commands: Self.commands, keys: [Self.nativeKeys])) { server in
            let native = try await results(server, on: Self.native)
            #expect(try native.map { try $0.get() }.count == 18)
            let queue = try TubeName(validating: "other")
            let other = try await results(server, on: LedgerKey(queue: queue, id: JobID.random()))
            let goQueue = try await results(server, on: try Self.goQueue()) + other
            #expect(
                goQueue.allSatisfy {
                    if case .failure(let error) = $0 { error.code == .ledgerMisconfigured } else { false }
                })
        }
    }

    @Test func `dead jobs are found with one command more, without go-queue's keys`() async throws {
        try await withRedis(
            options: Self.server(commands: Self.commands + ["+scan"], keys: [Self.nativeKeys])
        ) { server in
            let ledger = try RedisLedger(Self.url(server))
            let owner = try ClaimOwner("owner")
            let key = LedgerKey(queue: .default, id: try JobID("a"))
            for operation in [
                LedgerRequest.Operation.claim(owner),
                .bury(owner, attempt: 1, DeathReport(reason: "x", consumer: "c")),
            ] {
                _ = try await ledger.perform(LedgerRequest(key: key, operation: operation))
            }
            let operations = try QueueOperations(nodes: [BeanstalkNode("127.0.0.1:1")], ledger: ledger)
            #expect(try await operations.deadJobs().map(\.id.description) == ["a"])
            for id in ["b", "eed9ca1b2163fe2e61f74cd7c1475c7a"] {
                #expect(try await operations.deadJob(JobID(id)) == nil)
            }
            #expect(try await operations.replay(JobID("a")) == 0)
            #expect(try await operations.deadJobs().isEmpty)
            await operations.close()
            await ledger.close()
        }
    }

    @Test func `no description, reflection, error or log shows the password`() async throws {
        try await withRedis(options: Self.server(commands: ["+get"], keys: [Self.nativeKeys])) { server in
            let capture = LogCapture()
            for url in [Self.url(server), "redis://worker:hunter2x@127.0.0.1:\(server.port)/3"] {
                let ledger = try RedisLedger(url, logger: capture.logger)
                var texts: [String] = []
                for when in ["before", "after"] {
                    var dumped = ""
                    dump(ledger, to: &dumped)
                    texts += [dumped, "\(ledger)", String(reflecting: ledger)]
                    #expect(dumped.contains("127.0.0.1"), "\(when)")
                    for result in await ledger.perform(try everyOperation(on: Self.native)) {
                        guard case .failure(let error) = result else { continue }
                        var dumped = ""
                        dump(error, to: &dumped)
                        texts += [dumped, "\(error)", String(reflecting: error)]
                    }
                }
                await ledger.close()
                #expect(!texts.contains { $0.contains("hunter2") || $0.contains("68 75 6e 74") })
            }
            #expect(!capture.lines.isEmpty)
            #expect(!capture.lines.contains { $0.contains("hunter2") })
        }
    }
}
