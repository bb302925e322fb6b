import Beanstalk
import DelayQueue
import Foundation
import Testing

@Suite(.timeLimit(.minutes(4))) struct LedgerSettlementTests {
    @Test(arguments: LedgerKind.allCases)
    func completing(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            #expect(try await job.ask(.complete(job.a, attempt: 1, copies: 3)) == .lost)
            _ = try await job.ask(.claim(job.a))
            #expect(try await job.ask(.complete(job.b, attempt: 1, copies: 3)) == .lost)
            #expect(try await job.ask(.complete(job.a, attempt: 2, copies: 3)) == .lost)
            #expect(try await job.ask(.complete(job.a, attempt: 1, copies: 3)) == .settled)
            #expect(try await job.lasts(day * 7))
            #expect(try await job.ask(.complete(job.a, attempt: 1, copies: 3)) == .settled)
            #expect(try await job.ask(.complete(job.b, attempt: 1, copies: 3)) == .lost)
            #expect(try await job.ask(.retry(job.a, attempt: 1, delay: .zero)) == .lost)
            #expect(try await job.ask(.bury(job.a, attempt: 1, DeathReport(reason: "x", consumer: "c"))) == .lost)
            #expect(try await job.ask(.claim(job.b)) == .finished(.done))
            #expect(try await job.ask(.claim(job.a)) == .finished(.done))
            #expect(try await job.ask(.renew(job.a, attempt: 1, recreatingWith: 0)) == .lost)
            #expect(try await job.ask(.status) == .finished(.done))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func completingAfterTheLease(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            _ = try await job.ask(.claim(job.a))
            job.clock.advance(by: .seconds(60))
            _ = try await job.ask(.endLease(job.b, attempt: 1, delay: .zero))
            _ = try await job.ask(.claim(job.b))
            #expect(try await job.ask(.complete(job.a, attempt: 1, copies: 3)) == .lost)
            job.clock.advance(by: .seconds(60))
            #expect(try await job.ask(.complete(job.b, attempt: 2, copies: 3)) == .settled)
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func forgettingCopiesOfADoneJob(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            #expect(try await job.ask(.forget([0], of: 3)) == .absent)
            _ = try await job.ask(.claim(job.a))
            #expect(try await job.ask(.forget([0], of: 3)) == .held(for: .seconds(30)))
            _ = try await job.ask(.complete(job.a, attempt: 1, copies: 3))
            #expect(try await job.ask(.forget([2], of: 3)) == .forgotten)
            #expect(try await job.ask(.forget([0], of: 3)) == .forgotten)
            #expect(try await job.ask(.forget([0, 2], of: 3)) == .forgotten)
            #expect(try await job.lasts(day * 7))
            #expect(try await job.ask(.forget([1], of: 3)) == .forgotten)
            #expect(try await job.lasts(.seconds(300)))
            #expect(try await job.ask(.claim(job.b)) == .finished(.done))
        }
    }

    /// Whoever reserves it knows of one copy that is gone, and not of the others.
    @Test(arguments: LedgerKind.allCases)
    func aCopyThatIsPutAgainProlongsTheRecord(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            _ = try await job.ask(.claim(job.a))
            _ = try await job.ask(.complete(job.a, attempt: 1, copies: 3))
            #expect(try await job.ask(.forget([0, 1, 2], of: 3)) == .forgotten)
            #expect(try await job.lasts(.seconds(300)))
            #expect(try await job.ask(.claim(job.b)) == .finished(.done))
            #expect(try await job.ask(.forget([1], of: 3)) == .forgotten)
            #expect(try await job.lasts(day * 7))
            #expect(try await job.ask(.claim(job.b)) == .finished(.done))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func graceIsAtLeastTwoLeasesAndTwoTimesToRun(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            var job = job
            _ = try await job.ask(.claim(job.a))
            _ = try await job.ask(.complete(job.a, attempt: 1, copies: 1))
            job.timing.lease = .seconds(400)
            _ = try await job.ask(.forget([0], of: 1))
            #expect(try await job.lasts(.seconds(800)))
            job.timing.timeToRun = .seconds(700)
            _ = try await job.ask(.forget([0], of: 1))
            #expect(try await job.lasts(.seconds(1400)))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func copiesThatCannotBeCounted(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            _ = try await job.ask(.claim(job.a))
            _ = try await job.ask(.complete(job.a, attempt: 1, copies: 0))
            #expect(try await job.lasts(day))
            #expect(try await job.ask(.forget([0, 1, 2], of: 0)) == .forgotten)
            #expect(try await job.lasts(day))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func givingUp(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            let report = DeathReport(reason: "no such customer", consumer: "host/1")
            _ = try await job.ask(.claim(job.a))
            _ = try await job.ask(.retry(job.a, attempt: 1, delay: .zero))
            _ = try await job.ask(.claim(job.b))
            #expect(try await job.ask(.bury(job.a, attempt: 2, report)) == .lost)
            #expect(try await job.ask(.bury(job.b, attempt: 2, report)) == .settled)
            #expect(try await job.isKeptForGood())
            #expect(try await job.ask(.bury(job.b, attempt: 2, report)) == .settled)
            #expect(try await job.ask(.bury(job.b, attempt: 1, report)) == .lost)
            #expect(try await job.ask(.renew(job.b, attempt: 2, recreatingWith: 0)) == .lost)
            #expect(try await job.ask(.complete(job.b, attempt: 2, copies: 3)) == .lost)
            #expect(try await job.ask(.forget([0], of: 3)) == .finished(.dead))
            // However long it is asked about.
            job.clock.advance(by: day * 400)
            #expect(try await job.ask(.claim(job.a)) == .finished(.dead))
            #expect(try await job.ask(.status) == .finished(.dead))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func whereADeadJobsCopiesLie(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            let address = try BeanstalkNode("/tmp/a socket=1,2").address
            func copy(_ number: UInt64) -> StoredCopy { StoredCopy(address, BeanstalkJobID(number)) }
            #expect(try await job.ask(.noteCopies([copy(1)])) == .absent)
            _ = try await job.ask(.claim(job.a))
            #expect(try await job.ask(.noteCopies([copy(1)])) == .held(for: .seconds(30)))
            let report = DeathReport(reason: "", consumer: "é", queue: .default, copies: [copy(7)])
            _ = try await job.ask(.bury(job.a, attempt: 1, report))
            #expect(try await job.ask(.noteCopies([copy(8), copy(9)])) == .noted)
            #expect(try await job.ask(.noteCopies([copy(7), copy(8)])) == .noted)
            #expect(try await job.isKeptForGood())
            guard case .dead(_, _, _, _, let known) = try await job.record() else {
                Issue.record("the job is not dead")
                return
            }
            #expect(known.copies == [copy(9), copy(7), copy(8)])
            #expect((known.reason, known.consumer, known.queue) == ("", "é", .default))
            #expect(try await job.ask(.noteCopies((10..<200).map { copy($0) })) == .noted)
            guard case .dead(_, _, _, _, let most) = try await job.record() else {
                Issue.record("the job is not dead")
                return
            }
            #expect(most.copies == (136..<200).map { copy($0) })
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func replaying(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            let operators = try (1...2).map { try ClaimOwner("operator\($0)") }
            #expect(try await job.ask(.replay(operators[0])) == .absent)
            _ = try await job.ask(.claim(job.a))
            #expect(try await job.ask(.replay(operators[0])) == .held(for: .seconds(30)))
            _ = try await job.ask(.retry(job.a, attempt: 1, delay: .zero))
            #expect(try await job.ask(.replay(operators[0])) == .waiting(for: .zero))
            _ = try await job.ask(.claim(job.b))
            let report = DeathReport(reason: "x", consumer: "c")
            _ = try await job.ask(.bury(job.b, attempt: 2, report))
            #expect(try await job.ask(.replay(operators[0])) == .replayed)
            #expect(try await job.lasts(day * 7))
            #expect(try await job.ask(.replay(operators[0])) == .replayed, "a repeat of the same request")
            #expect(try await job.ask(.replay(operators[1])) == .waiting(for: .zero))
            #expect(try await job.ask(.bury(job.b, attempt: 2, report)) == .lost, "a late repeat")
            // It starts without failures, so that it is not given up again at once.
            #expect(try await job.ask(.claim(job.a)) == .granted(attempt: 3, failures: 0))
            #expect(try await job.ask(.replay(operators[0])) == .held(for: .seconds(30)))
            #expect(try await job.ask(.complete(job.a, attempt: 3, copies: 3)) == .settled)
            #expect(try await job.ask(.replay(operators[0])) == .finished(.done))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func revoking(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            let due = (job.clock.now + day * 2).date
            #expect(try await job.ask(.revoke(fireDate: due, copies: 2)) == .revoked)
            #expect(try await job.lasts(day * 9))
            #expect(try await job.ask(.revoke(fireDate: job.clock.now.date, copies: 2)) == .revoked)
            #expect(try await job.lasts(day * 9))
            #expect(try await job.ask(.claim(job.a)) == .finished(.revoked))
            #expect(try await job.ask(.status) == .finished(.revoked))
            #expect(try await job.ask(.complete(job.a, attempt: 1, copies: 2)) == .lost)
            #expect(try await job.ask(.forget([1], of: 2)) == .forgotten)
            #expect(try await job.lasts(day * 9))
            #expect(try await job.ask(.forget([0], of: 2)) == .forgotten)
            #expect(try await job.lasts(.seconds(300)))
            #expect(try await job.ask(.revoke(fireDate: due, copies: 2)) == .revoked)
            #expect(try await job.lasts(.seconds(300)))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func revokingAJobOfUnknownCopies(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            #expect(try await job.ask(.revoke(fireDate: job.clock.now.date, copies: 0)) == .revoked)
            #expect(try await job.lasts(day))
            #expect(try await job.ask(.forget([0, 1], of: 0)) == .forgotten)
            #expect(try await job.lasts(day))
            #expect(try await job.ask(.revoke(fireDate: .distantPast, copies: 0)) == .revoked)
            #expect(try await job.lasts(day))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func revokingARunningJob(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            let due = job.clock.now.date
            _ = try await job.ask(.claim(job.a))
            #expect(try await job.ask(.revoke(fireDate: due, copies: 3)) == .running)
            #expect(try await job.ask(.renew(job.a, attempt: 1)) == .renewed)
            job.clock.advance(by: .seconds(30))
            #expect(try await job.ask(.revoke(fireDate: due, copies: 3)) == .revoked)
            #expect(try await job.ask(.complete(job.a, attempt: 1, copies: 3)) == .lost)
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func revokingInOtherStates(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            let due = job.clock.now.date
            _ = try await job.ask(.claim(job.a))
            _ = try await job.ask(.retry(job.a, attempt: 1, delay: .seconds(5)))
            #expect(try await job.ask(.revoke(fireDate: due, copies: 3)) == .revoked)
        }
        try await LedgerFixture.run(kind) { job async throws in
            let due = job.clock.now.date
            _ = try await job.ask(.claim(job.a))
            _ = try await job.ask(.bury(job.a, attempt: 1, DeathReport(reason: "x", consumer: "c")))
            #expect(try await job.ask(.revoke(fireDate: due, copies: 3)) == .revoked)
            #expect(try await job.ask(.claim(job.b)) == .finished(.revoked))
        }
        try await LedgerFixture.run(kind) { job async throws in
            let due = job.clock.now.date
            _ = try await job.ask(.claim(job.a))
            _ = try await job.ask(.complete(job.a, attempt: 1, copies: 3))
            #expect(try await job.ask(.revoke(fireDate: due, copies: 3)) == .alreadyDone)
            #expect(try await job.ask(.status) == .finished(.done))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func batchesAnswerInOrder(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            #expect(await job.ledger.perform([]).isEmpty)
            let keys = (0..<500).map { _ in LedgerKey(queue: .default, id: .random()) }
            let operations: [LedgerRequest.Operation] = [
                .claim(job.a), .complete(job.a, attempt: 1, copies: 1), .forget([0], of: 1), .status,
            ]
            let requests = operations.flatMap { operation in
                keys.map { LedgerRequest(key: $0, operation: operation) }
            }
            let replies = try await job.ledger.perform(requests).map { try $0.get() }
            let expected: [LedgerReply] = [
                .granted(attempt: 1, failures: 0), .settled, .forgotten, .finished(.done),
            ]
            #expect(replies == expected.flatMap { Array(repeating: $0, count: keys.count) })
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func oneOfManyGetsTheClaim(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            let key = job.key
            let ledger = job.ledger
            let granted = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        let request = LedgerRequest(key: key, operation: .claim(.random()))
                        if case .granted = try await ledger.perform(request) { return true }
                        return false
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(granted == 1)
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func closedLedger(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            await job.ledger.close()
            await job.ledger.close()
            let error = await #expect(throws: DelayQueueError.self) { try await job.ask(.status) }
            #expect(error?.code == .closed)
            #expect(error?.isRetriable == false)
        }
    }
}
