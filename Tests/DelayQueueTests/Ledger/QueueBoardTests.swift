import Beanstalk
import DelayQueueTestKit
import HiredisClient
import TestSupport
import Testing

@testable import DelayQueue

/// What the ledger keeps of a queue as a whole, by both ledgers.
@Suite("The board of a queue", .timeLimit(.minutes(2)))
struct QueueBoardTests {
    private let key = LedgerKey(boardOf: .default)

    private func presence(_ id: String) -> ConsumerPresence {
        ConsumerPresence(
            id: id, process: "höst 1/7", version: "0.1.0", state: .alone, busy: 3, limit: 16, done: 42, perMinute: 7,
            age: .seconds(5), skew: .milliseconds(-2), interval: .seconds(1))
    }

    private func ask(_ operation: BoardOperation, _ fixture: LedgerFixture) async throws -> LedgerReply {
        try await fixture.ledger.perform(LedgerRequest(key: key, operation: .board(operation)))
    }

    @Test(arguments: LedgerKind.allCases)
    func `whoever checks in is told of a pause until it is over`(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { fixture in
            let start = fixture.clock.now
            let checkIn = BoardOperation.checkIn(presence("a"), isFirst: false)
            #expect(try await ask(checkIn, fixture) == .checkedIn(at: start, pausedUntil: nil))
            #expect(try await ask(.resume, fixture) == .absent)
            #expect(try await ask(.pause(for: .seconds(10), by: "anna", why: "a, b = c"), fixture) == .paused)
            #expect(try await ask(checkIn, fixture) == .checkedIn(at: start, pausedUntil: start + .seconds(10)))
            fixture.clock.advance(by: .seconds(9))
            // It began when it did, whatever becomes of its end.
            #expect(try await ask(.pause(for: nil, by: "ben", why: ""), fixture) == .paused)
            let (board, now) = try await fixture.ledger.board(of: .default)
            #expect(now == start + .seconds(9))
            #expect(board.pause == .init(since: start, until: .latest, by: "ben", why: ""))
            #expect(board.consumers["a"] == .init(presence: presence("a"), seen: start))
            #expect(try await ask(checkIn, fixture) == .checkedIn(at: now, pausedUntil: .latest))
            #expect(try await ask(.resume, fixture) == .resumed)
            #expect(try await ask(checkIn, fixture) == .checkedIn(at: now, pausedUntil: nil))

            #expect(try await ask(.pause(for: .seconds(1), by: "", why: ""), fixture) == .paused)
            fixture.clock.advance(by: .seconds(1))
            #expect(try await ask(checkIn, fixture) == .checkedIn(at: now + .seconds(1), pausedUntil: nil))
            #expect(try await fixture.ledger.board(of: .default).board.pause(at: fixture.clock.now) == nil)
            #expect(try await ask(.resume, fixture) == .absent)
            #expect(try await fixture.ledger.board(of: .default).board.pause == nil)
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func `who checks out is gone, and who is silent goes with the next first check-in after an hour`(
        _ kind: LedgerKind
    ) async throws {
        try await LedgerFixture.run(kind) { fixture in
            for id in ["a", "b"] { _ = try await ask(.checkIn(presence(id), isFirst: true), fixture) }
            fixture.clock.advance(by: .seconds(1800))
            _ = try await ask(.checkIn(presence("c"), isFirst: true), fixture)
            #expect(try await ask(.checkOut("a"), fixture) == .checkedOut)
            #expect(try await ask(.checkOut("nobody"), fixture) == .checkedOut)
            #expect(Set(try await fixture.ledger.board(of: .default).board.consumers.keys) == ["b", "c"])
            fixture.clock.advance(by: .seconds(1801))
            _ = try await ask(.checkIn(presence("c"), isFirst: false), fixture)
            #expect(try await fixture.ledger.board(of: .default).board.consumers.count == 2)
            _ = try await ask(.checkIn(presence("d"), isFirst: true), fixture)
            #expect(Set(try await fixture.ledger.board(of: .default).board.consumers.keys) == ["c", "d"])
            for id in ["c", "d"] { _ = try await ask(.checkOut(id), fixture) }
            #expect(try await fixture.ledger.board(of: .default).board == QueueBoard())
        }
    }

    @Test func `its key is none of a job's, and in reach of who has the queue's keys only`() {
        #expect(key.description == "dq:default: board")
        #expect(throws: DelayQueueError.self) { try JobID(key.jobID.description) }
    }

    @Test func `the fields are as the documents say`() throws {
        var board = QueueBoard()
        board.pause = .init(
            since: Timestamp(microseconds: 1_790_000_000_123_456), until: .latest, by: "anna@web1", why: "new relay")
        board.consumers["8v3kq0d5t1m7ear"] = .init(
            presence: ConsumerPresence(
                id: "8v3kq0d5t1m7ear", process: "web1/812", version: "0.1.0", state: .paused, busy: 3, limit: 16,
                done: 1200, perMinute: 240, age: .seconds(300), skew: .milliseconds(2), interval: .seconds(1)),
            seen: Timestamp(microseconds: 1_790_000_030_000_000))
        #expect(
            board.fields == [
                "pause": "1 1790000000123456 9007199254740992 anna%40web1 new%20relay",
                "consumer:8v3kq0d5t1m7ear":
                    "1 1790000030000000 1000000 300000000 web1/812 0.1.0 paused 3 16 1200 240 2000",
            ])
        #expect(try QueueBoard(parsing: board.fields, key: key) == board)
    }

    @Test func `what cannot be read of a consumer is left out, and of the pause is told`() async throws {
        let good = "1 5 1000000 0 h/1 1 taking 0 1 0 0 -"
        let bad = [
            "", "1", "2 5 1000000 0 h/1 1 taking 0 1 0 0 -", "1 x 1000000 0 h/1 1 taking 0 1 0 0 -",
            "1 5 1000000 0 h/1 1 dancing 0 1 0 0 -", "1 5 1000000 0 h/1 1 taking 0 1 0 -1 -",
            "1 5 1000000 0 h/1 1 taking 0 1 0 99999999999 -", "1 5 1000000 0 h/1 1 taking 0 1 0 0 x", good + " 1",
        ]
        var fields = ["consumer:good": good, "other": "x"]
        for (number, value) in bad.enumerated() { fields["consumer:bad\(number)"] = value }
        #expect(try QueueBoard(parsing: fields, key: key).consumers.keys.map { $0 } == ["good"])
        let pauses = [
            "", "1", "2 1 5 a b", "1 1 5 a", "1 1 5 a b c", "1 x 5 a b", "1 1 9007199254740994 a b", "1 1 5  b",
        ]
        for pause in pauses {
            let error = #expect(throws: DelayQueueError.self) { try QueueBoard(parsing: ["pause": pause], key: key) }
            #expect(error?.code == .ledgerRecordUnreadable)
        }
        try await withRedis { server in
            let ledger = try RedisLedger(server.url)
            let operations: [BoardOperation] = [
                .checkIn(presence("a"), isFirst: true), .checkOut("a"), .pause(for: nil, by: "", why: ""), .resume,
            ]
            for pause in pauses + [nil] {
                _ = try await ledger.client.command("DEL", key.description)
                if let pause {
                    _ = try await ledger.client.command("HSET", key.description, "pause", pause)
                } else {
                    _ = try await ledger.client.command("SET", key.description, "x")
                }
                for operation in operations {
                    let request = LedgerRequest(key: key, operation: .board(operation))
                    let error = await #expect(throws: DelayQueueError.self) { try await ledger.perform(request) }
                    #expect(error?.code == .ledgerRecordUnreadable, "\(pause ?? "a string"): \(operation)")
                }
                let error = await #expect(throws: DelayQueueError.self) { try await ledger.board(of: .default) }
                #expect(error?.code == .ledgerRecordUnreadable)
            }
            await ledger.close()
        }
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func `the scripts say what the rules say`(_ seed: UInt64) async throws {
        let clock = ManualClock()
        var random = SeededGenerator(seed: seed)
        try await withRedis { server in
            let ledger = try RedisLedger(server.url, fixedTime: { clock.now })
            var board: QueueBoard?
            for round in 0..<600 {
                var duration: Duration? {
                    Bool.random(using: &random)
                        ? nil : .microseconds(Int.random(in: -5...9_000_000_000, using: &random))
                }
                let id = "c\(Int.random(in: 0..<5, using: &random))"
                let operation: BoardOperation =
                    switch Int.random(in: 0..<8, using: &random) {
                    case 0: .checkOut(id)
                    case 1: .resume
                    case 2...3: .pause(for: duration, by: "b \(round)", why: "w, =%")
                    default: .checkIn(presence(id), isFirst: Int.random(in: 0..<3, using: &random) == 0)
                    }
                let transition = QueueBoard.apply(operation, to: board, now: clock.now)
                board = transition.board
                let reply = try await ledger.perform(LedgerRequest(key: key, operation: .board(operation)))
                guard reply == transition.reply, try await ledger.board(of: .default).board == board ?? QueueBoard()
                else {
                    Issue.record("seed \(seed), round \(round), \(operation): \(reply), and not \(transition)")
                    break
                }
                #expect(LedgerReply(parsing: reply.description) == reply)
                let left = try await ledger.client.command("PTTL", key.description).int ?? -2
                #expect((left > 0) == (board != nil), "round \(round): \(operation) leaves \(left) ms")
                if let lifetime = transition.expiresIn, board != nil {
                    #expect(Duration.milliseconds(left) < lifetime + .milliseconds(2))
                    #expect(Duration.milliseconds(left) > lifetime - .seconds(30))
                }
                clock.advance(by: .microseconds(Int.random(in: 0...1_500_000_000, using: &random)))
            }
            await ledger.close()
        }
    }

    @Test func `a full server goes on telling consumers that are there of pauses`() async throws {
        try await withRedis { server in
            let ledger = try RedisLedger(server.url)
            let checkIn = LedgerRequest(key: key, operation: .board(.checkIn(presence("a"), isFirst: true)))
            _ = try await ledger.perform(checkIn)
            _ = try await ledger.client.command("CONFIG", "SET", "maxmemory", "1")
            guard case .checkedIn(_, nil) = try await ledger.perform(checkIn) else {
                Issue.record("a consumer that is there is not taken")
                return
            }
            _ = try await ledger.perform(LedgerRequest(key: key, operation: .board(.pause(for: nil, by: "", why: ""))))
            guard case .checkedIn(_, .latest?) = try await ledger.perform(checkIn) else {
                Issue.record("the pause is not told")
                return
            }
            await ledger.close()
        }
    }
}
