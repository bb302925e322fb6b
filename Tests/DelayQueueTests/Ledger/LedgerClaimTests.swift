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
    func endedLeaseCountsAsFailure(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            _ = try await job.ask(.claim(job.a))
            job.clock.advance(by: .seconds(30) - .microseconds(1))
            #expect(try await job.ask(.claim(job.b)) == .held(for: .microseconds(1)))
            job.clock.advance(by: .microseconds(1))
            #expect(try await job.ask(.status) == .held(for: .zero))
            #expect(try await job.ask(.claim(job.b)) == .granted(attempt: 2, failures: 1))
            job.clock.advance(by: .seconds(30))
            #expect(try await job.ask(.claim(.random())) == .granted(attempt: 3, failures: 2))
        }
    }

    @Test(arguments: LedgerKind.allCases)
    func claimThatMustNotCreate(_ kind: LedgerKind) async throws {
        try await LedgerFixture.run(kind) { job async throws in
            #expect(try await job.ask(.claim(job.a, createsRecord: false)) == .absent)
            #expect(try await job.ask(.status) == .absent)
            _ = try await job.ask(.claim(job.a))
            _ = try await job.ask(.release(job.a, attempt: 1))
            #expect(
                try await job.ask(.claim(job.b, createsRecord: false)) == .granted(attempt: 2, failures: 0))
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
                try await job.ask(.renew(job.a, attempt: .max, recreatingWith: .min)) == .renewed)
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
