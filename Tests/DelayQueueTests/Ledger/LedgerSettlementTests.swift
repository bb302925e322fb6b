import Beanstalk
import DelayQueue
import Foundation
import Testing

@Suite(.timeLimit(.minutes(4))) struct LedgerSettlementTests {
    @Test(arguments: LedgerKind.allCases)
    func completing(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            #expect(try await job.ask(.complete(job.a, attempt: 1, copies: 3)) == .lost)
            _ = try await job.ask(.claim(job.a, copy: .index(0)))
            #expect(try await job.ask(.complete(job.b, attempt: 1, copies: 3)) == .lost)
            #expect(try await job.ask(.complete(job.a, attempt: 2, copies: 3)) == .lost)
            #expect(try await job.ask(.complete(job.a, attempt: 1, copies: 3)) == .settled)
            #expect(try await job.lasts(day * 7))
            #expect(try await job.ask(.complete(job.a, attempt: 1, copies: 3)) == .settled)
            #expect(try await job.ask(.complete(job.b, attempt: 1, copies: 3)) == .lost)
            #expect(try await job.ask(.retry(job.a, attempt: 1, delay: .zero)) == .lost)
            #expect(try await job.ask(.bury(job.a, attempt: 1, copy: .index(0), kicks: 0)) == .lost)
            #expect(try await job.ask(.claim(job.b, copy: .index(1))) == .finished(.done))
            #expect(try await job.ask(.claim(job.a, copy: .index(0))) == .finished(.done))
            #expect(try await job.ask(.renew(job.a, attempt: 1, recreatingWith: 0)) == .lost)
            #expect(try await job.ask(.status) == .finished(.done))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func completingAfterTheLease(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            _ = try await job.ask(.claim(job.a, copy: .index(0)))
            job.clock.advance(by: .seconds(60))
            _ = try await job.ask(.claim(job.b, copy: .index(0)))
            #expect(try await job.ask(.complete(job.a, attempt: 1, copies: 3)) == .lost)
            job.clock.advance(by: .seconds(60))
            #expect(try await job.ask(.complete(job.b, attempt: 2, copies: 3)) == .settled)
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func forgettingCopiesOfADoneJob(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            #expect(try await job.ask(.forget([0], of: 3)) == .absent)
            _ = try await job.ask(.claim(job.a, copy: .index(0)))
            #expect(try await job.ask(.forget([0], of: 3)) == .held(for: .seconds(30)))
            _ = try await job.ask(.complete(job.a, attempt: 1, copies: 3))
            #expect(try await job.ask(.forget([2], of: 3)) == .forgotten)
            #expect(try await job.ask(.forget([0], of: 3)) == .forgotten)
            #expect(try await job.ask(.forget([0, 2], of: 3)) == .forgotten)
            #expect(try await job.lasts(day * 7))
            #expect(try await job.ask(.forget([1], of: 3)) == .forgotten)
            #expect(try await job.lasts(.seconds(300)))
            #expect(try await job.ask(.claim(job.b, copy: .index(1))) == .finished(.done))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func graceIsAtLeastTwoLeasesAndTwoTimesToRun(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            var job = job
            _ = try await job.ask(.claim(job.a, copy: .index(0)))
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
            _ = try await job.ask(.claim(job.a, copy: nil))
            _ = try await job.ask(.complete(job.a, attempt: 1, copies: 0))
            #expect(try await job.lasts(day))
            #expect(try await job.ask(.forget([0, 1, 2], of: 0)) == .forgotten)
            #expect(try await job.lasts(day))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func buriedCopyAndKicks(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            _ = try await job.ask(.claim(job.a, copy: .index(1)))
            _ = try await job.ask(.retry(job.a, attempt: 1, delay: .zero))
            _ = try await job.ask(.claim(job.b, copy: .index(1)))
            #expect(try await job.ask(.bury(job.a, attempt: 2, copy: .index(1), kicks: 0)) == .lost)
            #expect(try await job.ask(.bury(job.b, attempt: 2, copy: .index(1), kicks: 2)) == .settled)
            #expect(try await job.ask(.bury(job.b, attempt: 2, copy: .index(1), kicks: 2)) == .settled)
            #expect(try await job.lasts(day * 7))
            #expect(try await job.ask(.forget([0], of: 3)) == .finished(.dead))
            let other = ClaimOwner.random()
            #expect(try await job.ask(.claim(other, copy: .index(0), kicks: 9)) == .finished(.dead))
            #expect(try await job.ask(.claim(other, copy: nil, kicks: 9)) == .finished(.dead))
            #expect(try await job.ask(.claim(other, copy: .index(1))) == .needsKicks)
            #expect(try await job.ask(.claim(other, copy: .index(1), kicks: 2)) == .buryAgain)
            #expect(try await job.ask(.claim(other, copy: .index(1), kicks: 1)) == .buryAgain)
            // A kicked job is not given up again at once: its failures are forgotten.
            #expect(
                try await job.ask(.claim(other, copy: .index(1), kicks: 3)) == .granted(attempt: 3, failures: 0))
            #expect(try await job.ask(.bury(job.b, attempt: 2, copy: .index(1), kicks: 2)) == .lost)
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func buryingAnotherCopyInstead(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            let node = try BeanstalkNode("/tmp/a socket=1")
            let first = CopyIdentity.stored(node.address, BeanstalkJobID(7))
            let second = CopyIdentity.stored(node.address, BeanstalkJobID(8))
            _ = try await job.ask(.claim(job.a, copy: first))
            #expect(try await job.ask(.bury(job.a, attempt: 1, copy: first, kicks: 0)) == .settled)
            #expect(try await job.ask(.bury(job.a, attempt: 1, copy: second, kicks: 0)) == .lost)
            #expect(try await job.ask(.bury(job.a, attempt: 1, copy: second, kicks: 0, instead: first)) == .settled)
            #expect(try await job.ask(.bury(job.a, attempt: 1, copy: second, kicks: 0, instead: first)) == .settled)
            // The first request, come late: the second copy is buried by now, and stays the job.
            #expect(try await job.ask(.bury(job.a, attempt: 1, copy: first, kicks: 0)) == .lost)
            #expect(try await job.ask(.claim(job.b, copy: first, kicks: 1)) == .finished(.dead))
            #expect(try await job.ask(.claim(job.b, copy: second, kicks: 1)) == .granted(attempt: 2, failures: 0))
        }
    }

    /// Whoever asks about a dead job may delete its copy: no copy can be named from then on.
    @Test(
        arguments: LedgerKind.allCases,
        [(CopyIdentity.index(1), LedgerReply.finished(.dead)), (.index(0), .needsKicks)])
    func noOtherCopyIsNamedOnceSomebodyAsked(
        _ kind: LedgerKind, _ question: (asked: CopyIdentity, answer: LedgerReply)
    ) async throws {
        let (asked, answer) = question
        try await LedgerFixture.run(kind) { job async throws in
            _ = try await job.ask(.claim(job.a, copy: .index(0)))
            #expect(try await job.ask(.bury(job.a, attempt: 1, copy: .index(0), kicks: 0)) == .settled)
            #expect(try await job.ask(.claim(job.b, copy: asked)) == answer)
            #expect(
                try await job.ask(.bury(job.a, attempt: 1, copy: .index(1), kicks: 0, instead: .index(0))) == .lost)
            #expect(
                try await job.ask(.bury(job.a, attempt: 1, copy: .index(0), kicks: 0)) == .settled,
                "what was settled once is settled when asked again")
            #expect(try await job.ask(.claim(job.b, copy: .index(0), kicks: 0)) == .buryAgain)
            #expect(try await job.lasts(day * 7))
            _ = try await job.ask(.claim(job.b, copy: .index(0), kicks: 1))
            #expect(try await job.ask(.bury(job.b, attempt: 2, copy: .index(0), kicks: 1)) == .settled)
            #expect(try await job.ask(.claim(job.a, copy: .index(0), kicks: 1)) == .buryAgain)
            #expect(
                try await job.ask(.bury(job.b, attempt: 2, copy: .index(1), kicks: 0, instead: .index(0))) == .lost,
                "the copy named first was about to be buried again")
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
            #expect(try await job.ask(.claim(job.a, copy: .index(0))) == .finished(.revoked))
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
            _ = try await job.ask(.claim(job.a, copy: .index(0)))
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
            _ = try await job.ask(.claim(job.a, copy: .index(0)))
            _ = try await job.ask(.retry(job.a, attempt: 1, delay: .seconds(5)))
            #expect(try await job.ask(.revoke(fireDate: due, copies: 3)) == .revoked)
        }
        try await LedgerFixture.run(kind) { job async throws in
            let due = job.clock.now.date
            _ = try await job.ask(.claim(job.a, copy: .index(0)))
            _ = try await job.ask(.bury(job.a, attempt: 1, copy: .index(0), kicks: 0))
            #expect(try await job.ask(.revoke(fireDate: due, copies: 3)) == .revoked)
            #expect(try await job.ask(.claim(job.b, copy: .index(0), kicks: 1)) == .finished(.revoked))
        }
        try await LedgerFixture.run(kind) { job async throws in
            let due = job.clock.now.date
            _ = try await job.ask(.claim(job.a, copy: .index(0)))
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
                .claim(job.a, copy: .index(0)), .complete(job.a, attempt: 1, copies: 1), .forget([0], of: 1), .status,
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
                        let request = LedgerRequest(key: key, operation: .claim(.random(), copy: nil))
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
