import Beanstalk
import DelayQueue
import Testing

@Suite(.timeLimit(.minutes(4))) struct LedgerClaimTests {
    @Test(arguments: LedgerKind.allCases)
    func firstClaimIsAttempt1(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            #expect(try await job.ask(.claim(job.a)) == .granted(attempt: 1, failures: 0))
            #expect(try await job.lasts(day * 7))
            job.clock.advance(by: .seconds(10))
            #expect(try await job.ask(.claim(job.b)) == .held(for: .seconds(20)))
            #expect(try await job.ask(.status) == .held(for: .seconds(20)))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func repeatedClaimIsGrantedAgain(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            _ = try await job.ask(.claim(job.a))
            job.clock.advance(by: .seconds(29))
            #expect(try await job.ask(.claim(job.a)) == .granted(attempt: 1, failures: 0))
            job.clock.advance(by: .seconds(29))
            #expect(try await job.ask(.claim(job.b)) == .held(for: .seconds(1)))
            // Also when its lease is over: nobody else has it.
            job.clock.advance(by: .seconds(60))
            #expect(try await job.ask(.claim(job.a)) == .granted(attempt: 1, failures: 0))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func endedLeaseIsCountedApartFromErrors(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            _ = try await job.ask(.claim(job.a))
            job.clock.advance(by: .seconds(30) - .microseconds(1))
            #expect(try await job.ask(.claim(job.b)) == .held(for: .microseconds(1)))
            job.clock.advance(by: .microseconds(1))
            #expect(try await job.ask(.status) == .held(for: .zero))
            let once = JobFailures(errors: 0, endedLeases: 1)
            #expect(try await job.ask(.claim(job.b)) == .ended(attempt: 1, failures: once))
            #expect(try await job.ask(.claim(job.b)) == .ended(attempt: 1, failures: once), "asking counts nothing")
            #expect(try await job.ask(.endLease(job.b, attempt: 2, delay: .zero)) == .held(for: .zero))
            #expect(try await job.ask(.endLease(job.b, attempt: 1, delay: .seconds(3))) == .waiting(for: .seconds(3)))
            #expect(try await job.lasts(day * 7 + .seconds(3)))
            // It is counted once, whoever asks.
            job.clock.advance(by: .seconds(1))
            #expect(try await job.ask(.endLease(job.b, attempt: 1, delay: day)) == .waiting(for: .seconds(2)))
            #expect(try await job.ask(.endLease(.random(), attempt: 1, delay: day)) == .waiting(for: .seconds(2)))
            // Whoever had the claim has it no more.
            #expect(try await job.ask(.renew(job.a, attempt: 1, recreatingWith: 0)) == .lost)
            #expect(try await job.ask(.complete(job.a, attempt: 1, copies: 1)) == .lost)
            #expect(try await job.ask(.retry(job.a, attempt: 1, delay: .zero)) == .lost)
            job.clock.advance(by: .seconds(2))
            #expect(try await job.ask(.claim(job.b)) == .granted(attempt: 2, failures: once))
            #expect(try await job.ask(.endLease(job.a, attempt: 2, delay: .zero)) == .held(for: .seconds(30)))
            #expect(try await job.ask(.retry(job.b, attempt: 2, delay: .zero)) == .settled)
            let both = JobFailures(errors: 1, endedLeases: 1)
            #expect(try await job.ask(.claim(job.a)) == .granted(attempt: 3, failures: both))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func aJobWhoseLeaseEndedTwiceIsClaimedAloneOnly(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            func end(_ attempt: Int) async throws -> LedgerReply {
                job.clock.advance(by: .seconds(30))
                return try await job.ask(.endLease(.random(), attempt: attempt, delay: .zero))
            }
            #expect(try await job.ask(.claim(job.a, .alone)) == .absent)
            _ = try await job.ask(.claim(job.a))
            #expect(try await end(1) == .waiting(for: .zero))
            // Before that it is a job like any other.
            let once = JobFailures(errors: 0, endedLeases: 1)
            #expect(try await job.ask(.claim(job.a, .alone)) == .granted(attempt: 2, failures: once))
            #expect(try await end(2) == .waiting(for: .zero))
            let suspect = JobFailures(errors: 0, endedLeases: 2)
            #expect(try await job.ask(.claim(job.a)) == .suspect(suspect))
            #expect(try await job.ask(.claim(job.a, .existing)) == .suspect(suspect))
            #expect(try await job.ask(.claim(job.a, .alone)) == .granted(attempt: 3, failures: suspect))
            // That it is alone outlasts repeats and renewals.
            #expect(try await job.ask(.claim(job.a)) == .granted(attempt: 3, failures: suspect))
            #expect(try await job.ask(.renew(job.a, attempt: 3)) == .renewed)
            #expect(try await job.ask(.claim(job.b, .alone)) == .held(for: .seconds(30)))
            job.clock.advance(by: .seconds(30))
            let alone = JobFailures(errors: 0, endedLeases: 3, endedAlone: 1)
            #expect(try await job.ask(.claim(job.b, .alone)) == .ended(attempt: 3, failures: alone))
            #expect(try await end(3) == .waiting(for: .zero))
            #expect(try await job.ask(.claim(job.b, .alone)) == .granted(attempt: 4, failures: alone))
            #expect(try await job.ask(.retry(job.b, attempt: 4, delay: .zero)) == .settled)
            let failed = JobFailures(errors: 1, endedLeases: 3, endedAlone: 1)
            #expect(try await job.ask(.claim(job.b)) == .suspect(failed))
            _ = try await job.ask(.claim(job.b, .alone))
            _ = try await job.ask(.bury(job.b, attempt: 5, DeathReport(reason: "x", consumer: "c")))
            guard case .dead(_, attempt: 5, failures: failed, _, _)? = try await job.record() else {
                Issue.record("\(String(describing: try await job.record()))")
                return
            }
            // Replayed, it is a job like any other.
            #expect(try await job.ask(.replay(job.a)) == .replayed)
            #expect(try await job.ask(.claim(job.b)) == .granted(attempt: 6, failures: 0))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func aRecordCanBeMadeOfAJobThatNeverRan(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            let due = job.clock.now + .seconds(3600)
            #expect(try await job.ask(.record(job.a, due: due)) == .waiting(for: .zero))
            #expect(try await job.lasts(day * 7 + .seconds(3600)))
            #expect(try await job.ask(.record(job.b, due: due)) == .waiting(for: .zero), "there is one")
            #expect(
                try await job.record()
                    == .waiting(job.a, attempt: 0, failures: 0, notBefore: Timestamp(microseconds: 0)))
            // Its date counts, as of a job without a record.
            #expect(try await job.ask(.claim(job.b, due: due)) == .early(for: .seconds(3600)))
            job.clock.advance(by: .seconds(3600))
            #expect(try await job.ask(.claim(job.b, .existing, due: due)) == .granted(attempt: 1, failures: 0))
            #expect(try await job.ask(.record(job.a, due: due)) == .held(for: .seconds(30)))
            _ = try await job.ask(.complete(job.b, attempt: 1, copies: 3))
            #expect(try await job.ask(.record(job.a, due: due)) == .finished(.done))
            #expect(try await job.lasts(day * 7))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func noRecordIsMadeOfAJobThatMayHaveHadOne(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            let due = job.clock.now
            // Records last for a week, and are thought to end five minutes before.
            job.clock.advance(by: day * 7 - .seconds(300))
            #expect(try await job.ask(.record(job.a, due: due)) == .absent)
            #expect(try await job.record() == nil)
            #expect(try await job.ask(.record(job.a, due: due + .microseconds(1))) == .waiting(for: .zero))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func noRecordIsMadeAmongEditions(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            let content = JobContent(
                date: job.clock.now + .seconds(60), digest: String(repeating: "0a", count: 16))
            var key = job.key
            key.edition = JobEdition(1)
            func ask(_ operation: LedgerRequest.Operation, _ key: LedgerKey) async throws -> LedgerReply {
                try await job.ledger.perform(LedgerRequest(key: key, operation: operation))
            }
            _ = try await ask(.intend(content, isReplacing: false, wait: .seconds(10)), key)
            _ = try await ask(.confirm(content, isReplacing: false), key)
            #expect(try await ask(.record(job.a, due: content.date), key) == .scheduled(content.date))
            key.edition = JobEdition(2)
            #expect(try await ask(.record(job.a, due: content.date), key) == .absent)
            #expect(try await ask(.record(job.a, due: content.date), job.key) == .scheduled(content.date))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func oneAtATimeHasTheTurn(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { turn async throws in
            #expect(try await turn.ask(.takeTurn(turn.a)) == .granted(attempt: 1, failures: 0))
            #expect(try await turn.ask(.takeTurn(turn.b)) == .held(for: .seconds(30)))
            turn.clock.advance(by: .seconds(20))
            #expect(try await turn.ask(.takeTurn(turn.a)) == .granted(attempt: 1, failures: 0), "renewed")
            turn.clock.advance(by: .seconds(29))
            #expect(try await turn.ask(.takeTurn(turn.b)) == .held(for: .seconds(1)))
            turn.clock.advance(by: .seconds(1))
            #expect(try await turn.ask(.takeTurn(turn.b)) == .granted(attempt: 1, failures: 0), "its lease is over")
            #expect(try await turn.ask(.takeTurn(turn.a)) == .held(for: .seconds(30)))
            #expect(try await turn.ask(.release(turn.a, attempt: 1)) == .lost)
            #expect(try await turn.ask(.release(turn.b, attempt: 1)) == .settled)
            #expect(try await turn.ask(.takeTurn(turn.a)) == .granted(attempt: 1, failures: 0))
            #expect(try await turn.lasts(day * 7))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func claimThatMustNotCreate(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            #expect(try await job.ask(.claim(job.a, .existing)) == .absent)
            #expect(try await job.ask(.status) == .absent)
            _ = try await job.ask(.claim(job.a))
            _ = try await job.ask(.release(job.a, attempt: 1))
            #expect(
                try await job.ask(.claim(job.b, .existing)) == .granted(attempt: 2, failures: 0))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func dateIsWaitedFor(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            let due = job.clock.now + .seconds(10)
            for kind in [LedgerRequest.ClaimKind.creating, .existing, .alone] {
                #expect(try await job.ask(.claim(job.a, kind, due: due)) == .early(for: .seconds(10)))
            }
            #expect(try await job.ask(.status) == .absent)
            job.clock.advance(by: .seconds(10) - LedgerRecord.earliness - .microseconds(1))
            #expect(
                try await job.ask(.claim(job.a, due: due)) == .early(for: LedgerRecord.earliness + .microseconds(1)))
            job.clock.advance(by: .microseconds(1))
            #expect(try await job.ask(.claim(job.a, due: due)) == .granted(attempt: 1, failures: 0))
            // A job that has a record began to run before, or may.
            let later = job.clock.now + .seconds(3600)
            #expect(try await job.ask(.claim(job.a, due: later)) == .granted(attempt: 1, failures: 0))
            #expect(try await job.ask(.claim(job.b, due: later)) == .held(for: .seconds(30)))
            _ = try await job.ask(.release(job.a, attempt: 1))
            #expect(try await job.ask(.claim(job.b, due: later)) == .granted(attempt: 2, failures: 0))
            _ = try await job.ask(.complete(job.b, attempt: 2, copies: 3))
            #expect(try await job.ask(.claim(job.a, due: later)) == .finished(.done))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func timeIsTold(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            #expect(try await job.ask(.time) == .time(job.clock.now))
            _ = try await job.ask(.claim(job.a))
            job.clock.advance(by: .microseconds(1_234_567))
            #expect(try await job.ask(.time) == .time(job.clock.now))
            #expect(try await job.ask(.status) == .held(for: .seconds(30) - .microseconds(1_234_567)))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func renewal(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            _ = try await job.ask(.claim(job.a))
            job.clock.advance(by: .seconds(20))
            #expect(try await job.ask(.renew(job.a, attempt: 1)) == .renewed)
            #expect(try await job.ask(.claim(job.b)) == .held(for: .seconds(30)))
            #expect(try await job.ask(.renew(job.a, attempt: 2)) == .lost)
            #expect(try await job.ask(.renew(job.b, attempt: 1)) == .lost)
            // Late, but nobody took over.
            job.clock.advance(by: .seconds(100))
            #expect(try await job.ask(.renew(job.a, attempt: 1)) == .renewed)
            job.clock.advance(by: .seconds(30))
            _ = try await job.ask(.endLease(job.b, attempt: 1, delay: .zero))
            _ = try await job.ask(.claim(job.b))
            #expect(try await job.ask(.renew(job.a, attempt: 1, recreatingWith: 0)) == .lost)
            #expect(try await job.ask(.status) == .held(for: .seconds(30)))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func renewalRestoresALostRecordOnlyWhenAskedTo(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            #expect(try await job.ask(.renew(job.a, attempt: 4)) == .lost)
            #expect(try await job.ask(.status) == .absent)
            #expect(try await job.ask(.renew(job.a, attempt: 4, recreatingWith: 3)) == .renewed)
            #expect(try await job.lasts(day * 7))
            #expect(try await job.ask(.claim(job.a)) == .granted(attempt: 4, failures: 3))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func retrying(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            _ = try await job.ask(.claim(job.a))
            #expect(try await job.ask(.retry(job.b, attempt: 1, delay: .zero)) == .lost)
            #expect(try await job.ask(.retry(job.a, attempt: 2, delay: .zero)) == .lost)
            #expect(try await job.ask(.retry(job.a, attempt: 1, delay: day)) == .settled)
            #expect(try await job.lasts(day * 8))
            job.clock.advance(by: .seconds(3600))
            // A repeated request does not move the date.
            #expect(try await job.ask(.retry(job.a, attempt: 1, delay: day)) == .settled)
            #expect(try await job.ask(.claim(job.b)) == .waiting(for: day - .seconds(3600)))
            #expect(try await job.ask(.complete(job.a, attempt: 1, copies: 3)) == .lost)
            #expect(try await job.ask(.renew(job.a, attempt: 1, recreatingWith: 0)) == .lost)
            job.clock.advance(by: day - .seconds(3600))
            #expect(try await job.ask(.status) == .waiting(for: .zero))
            #expect(try await job.ask(.claim(job.b)) == .granted(attempt: 2, failures: 1))
            #expect(try await job.ask(.retry(job.a, attempt: 1, delay: .zero)) == .lost)
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func releasing(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            #expect(try await job.ask(.release(job.a, attempt: 1)) == .lost)
            _ = try await job.ask(.claim(job.a))
            #expect(try await job.ask(.release(job.a, attempt: 1)) == .settled)
            #expect(try await job.ask(.release(job.a, attempt: 1)) == .settled)
            #expect(try await job.lasts(day * 7))
            #expect(try await job.ask(.claim(job.b)) == .granted(attempt: 2, failures: 0))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func extremeNumbersStayReadable(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            var job = job
            job.timing.lease = .seconds(Int64.max)
            #expect(
                try await job.ask(.renew(job.a, attempt: .max, recreatingWith: JobFailures(errors: .min))) == .renewed)
            #expect(try await job.ask(.claim(job.a)) == .granted(attempt: 1_000_000_000, failures: 0))
            #expect(try await job.ask(.retry(job.a, attempt: 1_000_000_000, delay: .seconds(Int64.max))) == .settled)
            guard case .waiting(let duration) = try await job.ask(.status) else {
                Issue.record("not waiting")
                return
            }
            #expect(duration > .seconds(200 * 365 * 86_400))
        }
    }
}
