import Beanstalk
import DelayQueue
import Testing

@Suite struct LedgerRecordTextTests {
    private let key = LedgerKey(queue: .default, id: JobID(unchecked: "a"))
    private let shared = LedgerKey(goQueue: JobID(unchecked: "eed9ca1b2163fe2e61f74cd7c1475c7a"))

    @Test func roundTrip() throws {
        let owner = try ClaimOwner("w7/x")
        let node = try BeanstalkNode("[::1]:5")
        let records: [(LedgerRecord, String)] = [
            (
                .claimed(owner, attempt: 3, failures: 2, leaseEnd: Timestamp(microseconds: 99)),
                "1 claimed w7/x 3 2 99"
            ),
            (
                .waiting(owner, attempt: 3, failures: 2, notBefore: Timestamp(microseconds: 99)),
                "1 waiting w7/x 3 2 99"
            ),
            (.done(owner, deleted: []), "1 done w7/x -"),
            (.done(owner, deleted: [2, 0, 63]), "1 done w7/x 0,2,63"),
            (.revoked(fireTime: Timestamp(microseconds: 5), deleted: [1]), "1 revoked 5 1"),
            (
                .dead(
                    owner, attempt: 26, failures: 25, at: Timestamp(microseconds: 7),
                    DeathReport(reason: "no route", consumer: "host/8")),
                "1 dead w7/x 26 25 7 - host/8 no%20route -"
            ),
            (
                .dead(
                    owner, attempt: 1, failures: 0, at: Timestamp(microseconds: 7),
                    DeathReport(
                        reason: "", consumer: "", queue: .default,
                        copies: [8, 9].map { StoredCopy(node.address, BeanstalkJobID($0)) })),
                "1 dead w7/x 1 0 7 default % % %5b::1%5d:5=8,%5b::1%5d:5=9"
            ),
        ]
        for (record, text) in records {
            #expect(record.text == text)
            #expect(try LedgerRecord(parsing: text, key: key) == record)
            #expect(try LedgerRecord(parsing: text, key: shared) == record)
        }
    }

    @Test func ownersAreFresh() throws {
        let owners = (0..<10_000).map { _ in ClaimOwner.random() }
        #expect(Set(owners).count == owners.count)
        for owner in owners { #expect(try ClaimOwner(owner.description) == owner) }
        for text in ["", "a b", "é", String(repeating: "x", count: 65)] {
            #expect(throws: DelayQueueError.self) { try ClaimOwner(text) }
        }
    }

    @Test func replyText() throws {
        let replies: [LedgerReply] = [
            .granted(attempt: 1, failures: 0), .held(for: .microseconds(5)), .waiting(for: .zero), .finished(.done),
            .finished(.revoked), .finished(.dead), .renewed, .settled, .lost, .revoked, .running, .alreadyDone,
            .forgotten, .noted, .replayed, .absent, .early(for: .microseconds(7)), .time(.latest),
        ]
        #expect(Set(replies.map(\.description)).count == replies.count)
        for reply in replies { #expect(LedgerReply(parsing: reply.description) == reply) }
        #expect(LedgerReply(parsing: "time 9007199254740993") == nil, "later than any record")
    }

    @Test func timingProblems() {
        #expect(LedgerTiming().problems.isEmpty)
        var timing = LedgerTiming()
        timing.lease = .zero
        timing.timeToRun = .seconds(-1)
        timing.grace = .seconds(-1)
        timing.retention = .seconds(-2)
        timing.retentionOfUnknownCopies = .seconds(-2)
        #expect(timing.problems.count == 5)
    }
}

@Suite struct CopySetTests {
    @Test func coversAll() throws {
        #expect(CopySet([0, 1, 2])?.coversAll(of: 3) == true)
        #expect(CopySet([0, 2])?.coversAll(of: 3) == false)
        #expect(CopySet([0, 1, 2, 9])?.coversAll(of: 3) == true)
        #expect(CopySet(0..<64)?.coversAll(of: 64) == true)
        #expect(CopySet(0..<63)?.coversAll(of: 64) == false)
        #expect(!CopySet().coversAll(of: 0))
        #expect(CopySet([64]) == nil)
        #expect(CopySet([-1]) == nil)
        var set: CopySet = [3]
        set.formUnion([1])
        set.insert(1)
        #expect(set.indexes == [1, 3])
        #expect(set.description == "1,3")
        #expect(set.contains(3) && !set.contains(2) && !set.contains(-1))
    }
}
