import Beanstalk
import DelayQueue
import DelayQueueTestKit
import Foundation
import HiredisClient
import TestSupport
import Testing

/// The scripts against the rules they repeat: the same random requests must get the same replies and leave the same
/// records for the same time.
@Suite(.timeLimit(.minutes(5))) struct RedisLedgerDifferentialTests {
    /// What `LedgerValue` says, and how long each value was last given, by keys of any edition.
    private struct Model {
        var values: [LedgerKey: LedgerValue] = [:]
        var lifetimes: [LedgerKey: Duration] = [:]

        mutating func perform(_ request: LedgerRequest, now: Timestamp) -> LedgerReply {
            let key = request.key.ofAnyEdition
            let transition = LedgerValue.apply(request, to: values[key], now: now)
            values[key] = transition.value
            if let lifetime = transition.expiresIn { lifetimes[key] = lifetime }
            return transition.reply
        }
    }

    /// Requests that are mostly sensible: from few owners, about the attempt that the record is at.
    private struct RequestSource {
        var generator: SeededGenerator
        let keys: [LedgerKey]
        /// Those of jobs with editions.
        let ids: Set<LedgerKey>
        let owners: [ClaimOwner]
        let copies: [StoredCopy]

        mutating func next(_ model: Model, now: Timestamp) -> LedgerRequest {
            var key = pick(keys)
            if ids.contains(key), !chance(6) { key.edition = JobEdition(UInt64(number(1...5))) }
            var timing = LedgerTiming()
            if chance(5) { timing.lease = .seconds(200) }
            if chance(5) { timing.timeToRun = .milliseconds(350_000_001) }
            let (owner, attempt) = claimant(model.values[key.ofAnyEdition]?.record(of: key.edition))
            let operation: LedgerRequest.Operation
            if key.edition != nil, chance(2) {
                var operation = registration(now)
                // Mostly what was announced is confirmed, and in time.
                if case .editions(let editions)? = model.values[key.ofAnyEdition], !chance(3),
                    let entry = editions.entries.first(where: { $0.edition == key.edition }),
                    case .intended = entry.state, let digest = entry.digest
                {
                    operation =
                        chance(3)
                        ? .withdraw(isGone: chance(2))
                        : .confirm(JobContent(date: entry.date, digest: digest), isReplacing: chance(3))
                }
                return LedgerRequest(key: key, operation: operation, timing: timing)
            }
            switch Int.random(in: 0..<27, using: &generator) {
            case 0...4:
                let kind: LedgerRequest.ClaimKind = chance(8) ? .existing : chance(3) ? .alone : .creating
                let due =
                    chance(2) ? now + .microseconds(pick([number(-200_000...200_000), number(0...60_000_000)])) : nil
                operation = .claim(chance(3) ? owner : pick(owners), kind, due: due)
            case 5...6:
                operation = .renew(owner, attempt: attempt, recreatingWith: chance(2) ? failures() : nil)
            case 7: operation = .complete(owner, attempt: attempt, copies: number(0...3))
            case 8...9:
                operation = .retry(owner, attempt: attempt, delay: .microseconds(number(-10...90_000_000)))
            case 10:
                operation = .release(
                    owner, attempt: attempt, delay: chance(2) ? .zero : .microseconds(number(-10...90_000_000)))
            case 11:
                operation = .bury(
                    owner, attempt: attempt,
                    DeathReport(
                        reason: ["", "a b, c=d", "é"][number(0...2)], consumer: "host/\(number(1...9))",
                        queue: chance(2) ? .default : nil, copies: someCopies()))
            case 12:
                let due = now + .microseconds(number(-100_000_000...900_000_000))
                operation = .revoke(
                    fireDate: chance(3) ? nil : due.date, copies: ids.contains(key.ofAnyEdition) ? 0 : number(0...3))
            case 13...14:
                let gone = (0..<number(0...3)).map { _ in number(0...3) }
                // The copies of an edition are not counted.
                operation = .forget(CopySet(gone) ?? [], of: ids.contains(key.ofAnyEdition) ? 0 : number(0...3))
            case 15: operation = .replay(pick(owners))
            case 19...21:
                operation = .endLease(
                    pick(owners), attempt: attempt, delay: .microseconds(number(-10...9_000_000)))
            case 22: operation = .takeTurn(chance(2) ? owner : pick(owners))
            case 23:
                operation = .record(
                    pick(owners), due: now + .microseconds(number(-100_000_000...900_000_000)))
            case 16...17: operation = .noteCopies(someCopies())
            case 18: operation = .time
            default: operation = .status
            }
            return LedgerRequest(key: key, operation: operation, timing: timing)
        }

        private mutating func registration(_ now: Timestamp) -> LedgerRequest.Operation {
            // Dates that mostly are the same ones, as long as a round of an hour lasts.
            let hour = now.microseconds / 3_600_000_000
            let content = JobContent(
                date: Timestamp(microseconds: (hour + Int64(number(0...2))) * 3_600_000_000),
                digest: String(repeating: pick(["0a", "b1"]), count: 16))
            return switch number(0...6) {
            case 0...2: .intend(content, isReplacing: chance(3), wait: .milliseconds(number(-1...90_000)))
            case 3...5: .confirm(content, isReplacing: chance(3))
            default: .withdraw(isGone: chance(2))
            }
        }

        private mutating func claimant(_ record: LedgerRecord?) -> (ClaimOwner, Int) {
            guard !chance(5) else { return (pick(owners), number(0...4)) }
            switch record {
            case .claimed(let owner, let attempt, _, _, _), .waiting(let owner, let attempt, _, _),
                .dead(let owner, let attempt, _, _, _):
                return (owner, attempt)
            case .done(let owner, _):
                return (owner, 1)
            case .revoked, .withdrawn, nil:
                return (pick(owners), 1)
            }
        }

        private mutating func someCopies() -> [StoredCopy] {
            (0..<number(0...3)).map { _ in pick(copies) }
        }

        private mutating func failures() -> JobFailures {
            let ended = number(0...3)
            return JobFailures(errors: number(0...30), endedLeases: ended, endedAlone: number(0...ended))
        }

        mutating func chance(_ oneIn: Int) -> Bool { Int.random(in: 0..<oneIn, using: &generator) == 0 }
        mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
        mutating func pick<Element>(_ elements: [Element]) -> Element {
            elements[Int.random(in: 0..<elements.count, using: &generator)]
        }
    }

    @Test(arguments: [UInt64(11), 12, 13, 14])
    func randomRequestsAgree(_ seed: UInt64) async throws {
        let clock = ManualClock()
        try await withRedis { server in
            let ledger = try RedisLedger(server.url, fixedTime: { clock.now })
            let address = try BeanstalkNode("127.0.0.1:11300").address
            let ids = (0..<6).map { LedgerKey(queue: .default, id: JobID(unchecked: "id:\($0)")) }
            var source = RequestSource(
                generator: SeededGenerator(seed: seed),
                keys: ids + (0..<12).map { LedgerKey(queue: .default, id: JobID(unchecked: "job:\($0)")) }
                    + (0..<2).map { LedgerKey(goQueue: JobID(unchecked: "0123456789abcdef0123456789abcde\($0)")) },
                ids: Set(ids),
                owners: (0..<3).map { _ in ClaimOwner.random() },
                copies: (1...40).map { StoredCopy(address, BeanstalkJobID($0)) })
            var model = Model()
            var replies: [String: Int] = [:]

            for round in 0..<1_200 {
                let now = clock.now
                let before = model.lifetimes
                var requests: [LedgerRequest] = []
                var expected: [LedgerReply] = []
                model.lifetimes = [:]
                for _ in 0..<source.number(1...12) {
                    let request = source.next(model, now: now)
                    requests.append(request)
                    expected.append(model.perform(request, now: now))
                }
                let answers = await ledger.perform(requests)
                for (request, (answer, reply)) in zip(requests, zip(answers, expected)) {
                    guard try answer.get() == reply else {
                        Issue.record("seed \(seed), round \(round), \(request): \(answer) and not \(reply)")
                        await ledger.close()
                        return
                    }
                    replies[reply.description.split(separator: " ").first.map(String.init) ?? "", default: 0] += 1
                }
                try await compare(model, source.keys, ledger.client, "seed \(seed), round \(round)")
                model.lifetimes.merge(before) { new, _ in new }

                // Records run out now and then; most leases and waits end after some rounds.
                if source.chance(4) {
                    let key = source.pick(source.chance(2) ? ids : source.keys)
                    _ = try await ledger.client.command("DEL", key.description)
                    model.values[key] = nil
                }
                clock.advance(by: .microseconds(source.number(0...15_000_000)))
            }
            // Nothing was left out by the choice of requests.
            #expect(replies.count == 24, "\(replies.sorted { $0.key < $1.key })")
            await ledger.close()
        }
    }

    private func compare(
        _ model: Model, _ keys: [LedgerKey], _ client: RedisClient, _ place: String
    ) async throws {
        let replies = await client.send { batch in
            for command in ["GET", "PTTL"] {
                for key in keys { batch.command(.text(command), .text(key.description)) }
            }
        }
        let results = try (0..<replies.count).map { try replies[$0].get() }
        for (key, (value, ttl)) in zip(keys, zip(results, results.dropFirst(keys.count))) {
            #expect(value.string == model.values[key]?.text, "\(place), \(key)")
            if let text = value.string { #expect(try LedgerValue(parsing: text, key: key) == model.values[key]) }
            guard let lifetime = model.lifetimes[key], let milliseconds = ttl.int else { continue }
            // Rounded up to the millisecond; less by as long as the way here took.
            #expect(
                Duration.milliseconds(milliseconds) < lifetime + .milliseconds(2)
                    && Duration.milliseconds(milliseconds) > lifetime - .seconds(30),
                "\(place), \(key): \(milliseconds) ms and not \(lifetime)")
        }
    }

    @Test func valuesOfAnyKindAgree() async throws {
        let clock = ManualClock()
        let values = [
            "", "RDgW3aFAp4UUBmFL", "1", "1 ", "2 claimed a 1 0 5", "1 claimed", "1 claimed a 1 0",
            "1 claimed a 1 0 5 6", "1 claimed a b 0 5", "1 claimed a 1000000001 0 5", "1 claimed a 1000000000 0 5",
            "1 claimed  1 0 5", "1 claimed a -1 0 5", "1 claimed a 1 0 99999999999999999999",
            "1 claimed \(String(repeating: "x", count: 65)) 1 0 5", "1 claimed a 1 0 5\n", "1 waiting a 1 0 x",
            "1 Claimed a 1 0 5", "1 paused a 1 0 5", "1  done a -", "1 done a", "1 done a x", "1 done a ,",
            "1 done a 1,",
            "1 done a 1,,2", "1 done a 123", "1 done a -,1", "1 done a - -", "1 revoked 5", "1 revoked x -",
            "1 revoked 5 1;2", "1 dead a 1 2", "1 dead a 1 2 5 - c r", "1 dead a 1 2 5 -  r -",
            "1 dead a 1 2 5 - c r - x", "10 done a -", "1\tdone a -", "done", "{\"a\": 1}",
            // Nearly the claim that is asked about, and copies that are written otherwise.
            "1 claimed ab 1 0 5", "1 claimed a 12 0 5", "1 claimed a 01 0 5", "1 claimed a 1 00 05",
            "1 claimed a 1 0 5 ", "1 claimed a 1 0 5x", "1 claimed a 1  5", "1 claimed a 1 0 ", "1 claimed a 1 -1 5",
            "1 claimed a 1 1000000001 5", "1 claimed a 1 1000000000 9007199254740992",
            "1 claimed a 1 0 9007199254740994", " 1 claimed a 1 0 5", "1 waiting a 1 1000000001 5",
            "1 done a 1,0", "1 done a 00,07", "1 revoked 5 10,01", "1 dead a 1 1000000001 5 - c r -",
            "1 dead a 1 2 9007199254740994 - c r -",
            "1 claimed a 1 0 5", "1 waiting a 1 0 5", "1 done a -", "1 done a 0,1",
            // Failures in three parts, written as they should be and otherwise.
            "1 alone a 1 0 5", "1 alone a 1 3/2/1 5", "1 claimed a 1 0/1/0 5", "1 claimed a 1 0/0/0 5",
            "1 claimed a 1 0/01/0 5", "1 claimed a 1 0/1/00 5", "1 claimed a 1 00/1/0 5", "1 claimed a 1 0/1 5",
            "1 claimed a 1 0/1/0/0 5", "1 claimed a 1 0/x/0 5", "1 claimed a 1 0/1000000001/0 5",
            "1 claimed a 1 0/1000000000/1000000000 5", "1 claimed a 1 0/2/1000000001 5", "1 waiting a 1 7/2/0 5",
            "1 waiting a 1 0/1/0 5", "1 waiting a 1 /2/0 5", "1 waiting a 1 0//0 5", "1 dead a 1 2/3/1 5 - c r -",
            "1 dead a 1 2/3 5 - c r -", "1 alone a 1 0 9007199254740994", "1 revoked 5 2",
            "1 dead a 1 2 5 - c r -",
            "1 dead a 1 0 5 q h/1 x%20y 127.0.0.1:11300=1,h:1=7", "7777777777777777", "77777777 7777777",
        ]
        let owner = try ClaimOwner("a")
        let address = try BeanstalkNode("127.0.0.1:11300").address
        let operations: [LedgerRequest.Operation] = [
            .status, .claim(try ClaimOwner("b")), .claim(try ClaimOwner("b"), .alone), .claim(owner, .alone),
            .endLease(try ClaimOwner("b"), attempt: 1, delay: .seconds(1)), .takeTurn(try ClaimOwner("b")),
            .renew(owner, attempt: 1),
            .complete(owner, attempt: 1, copies: 2), .retry(owner, attempt: 1, delay: .seconds(1)),
            .release(owner, attempt: 1), .bury(owner, attempt: 1, DeathReport(reason: "x", consumer: "c")),
            .noteCopies([StoredCopy(address, BeanstalkJobID(1))]), .replay(owner),
            .revoke(fireDate: clock.now.date, copies: 2), .forget([0], of: 2), .forget([], of: 0),
            .forget([1, 12], of: 13),
        ]
        let keys = [
            LedgerKey(queue: .default, id: JobID(unchecked: "x")),
            LedgerKey(goQueue: JobID(unchecked: "eed9ca1b2163fe2e61f74cd7c1475c7a")),
        ]
        try await withRedis { server in
            let ledger = try RedisLedger(server.url, fixedTime: { clock.now })
            for key in keys {
                for value in values {
                    for operation in operations {
                        _ = try await ledger.client.command("SET", key.description, value)
                        let request = LedgerRequest(key: key, operation: operation)
                        let answer = (await ledger.perform([request])).first
                        let before: LedgerValue
                        do {
                            before = try LedgerValue(parsing: value, key: key)
                        } catch {
                            guard case .failure(let failure)? = answer else {
                                Issue.record("\(key) \(value.debugDescription) \(operation): read as a record")
                                continue
                            }
                            #expect(failure.code == .ledgerRecordUnreadable)
                            #expect(try await ledger.client.command("GET", key.description).string == value)
                            continue
                        }
                        let transition = LedgerValue.apply(request, to: before, now: clock.now)
                        #expect(try answer?.get() == transition.reply, "\(key) \(value.debugDescription) \(operation)")
                        let expected = transition.expiresIn == nil ? value : transition.value?.text
                        #expect(try await ledger.client.command("GET", key.description).string == expected)
                    }
                }
            }
            await ledger.close()
        }
    }
}
