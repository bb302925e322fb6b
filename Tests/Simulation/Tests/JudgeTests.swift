import DelayQueue
import Foundation
import SimulatedWorld
import Testing

/// A judge that lets everything pass proves nothing: here are histories it must not accept.
@Suite("Judge of the simulation")
struct JudgeTests {
    static let second: Int64 = 1_000_000
    static let lease = 6 * second

    var judge: Judge
    let job: Int
    let report = DeathReport(reason: "x", consumer: "c")
    let a: ClaimOwner
    let b: ClaimOwner

    init() throws {
        var timing = LedgerTiming()
        timing.lease = .microseconds(Self.lease)
        judge = Judge(timing: timing)
        job = judge.add("job", fireTime: 10 * Self.second)
        a = try ClaimOwner("a")
        b = try ClaimOwner("b")
        for _ in 0..<2 { judge.stored(job, by: 1) }
        judge.accepted(job, by: 1)
    }

    mutating func claim(
        _ owner: ClaimOwner, _ kind: LedgerRequest.ClaimKind = .creating, attempt: Int = 1, failures: JobFailures = 0,
        at second: Int64
    ) {
        answer(.claim(owner, kind), .granted(attempt: attempt, failures: failures), at: second)
    }

    /// The lease of an attempt is counted as ended.
    mutating func end(_ attempt: Int, at second: Int64) {
        answer(.endLease(b, attempt: attempt, delay: .zero), .waiting(for: .zero), at: second)
    }

    /// The job ran twice, until its lease ended.
    mutating func suspect() {
        claim(a, at: 10)
        end(1, at: 16)
        claim(b, attempt: 2, failures: JobFailures(errors: 0, endedLeases: 1), at: 16)
        end(2, at: 22)
    }

    mutating func answer(
        _ operation: LedgerRequest.Operation, _ reply: LedgerReply, at second: Int64
    ) {
        judge.answered(operation, reply, job: job, now: second * Self.second)
    }

    mutating func deliver(attempt: Int = 1, at second: Int64) {
        deliver(
            attempt: attempt, clock: second * Self.second, ledgerClock: second * Self.second, now: second * Self.second)
    }

    mutating func deliver(attempt: Int = 1, clock: Int64, ledgerClock: Int64, now: Int64) {
        judge.delivered(job, attempt: attempt, to: 1, clock: clock, ledgerClock: ledgerClock, now: now)
    }

    @Test mutating func `a job that runs, is completed and cleared away is as promised`() {
        claim(a, at: 10)
        deliver(at: 10)
        answer(.renew(a, attempt: 1), .renewed, at: 14)
        answer(.complete(a, attempt: 1, copies: 3), .settled, at: 18)
        answer(.complete(a, attempt: 1, copies: 3), .settled, at: 19)
        judge.deleted(job, writtenBy: 1, by: .consumer(1))
        #expect(judge.violation == nil)
        #expect(judge.loss(of: job, copies: 0) == nil)
        #expect(judge.loss(of: job, copies: 1) != nil)
    }

    @Test mutating func `a job that is gone without an end is lost`() {
        #expect(judge.loss(of: job, copies: 0) != nil)
        claim(a, at: 10)
        #expect(judge.loss(of: job, copies: 0) != nil)
    }

    @Test mutating func `early is early by a microsecond more than 100 ms, by the ledger's clock`() {
        claim(a, at: 10)
        let date = 10 * Self.second
        var wrongClock = self
        wrongClock.deliver(clock: 0, ledgerClock: date - 100_000, now: date)
        #expect(wrongClock.judge.violation == nil, "the consumer's own clock is behind")
        deliver(clock: 2 * date, ledgerClock: date - 100_001, now: date)
        #expect(judge.violation != nil)
    }

    @Test mutating func `a ledger that is far behind is outvoted by the consumer and the node together`() {
        claim(a, at: 10)
        let date = 10 * Self.second
        var right = self
        right.deliver(clock: date, ledgerClock: 0, now: date)
        #expect(right.judge.violation != nil, "it is right")
        judge.isLedgerClockBehind = true
        var consumerAlone = self
        consumerAlone.deliver(clock: date, ledgerClock: 0, now: date - 4 * Self.second)
        #expect(consumerAlone.judge.violation != nil, "no node can have had it ready")
        var nodeAlone = self
        nodeAlone.deliver(clock: date - 100_001, ledgerClock: 0, now: date)
        #expect(nodeAlone.judge.violation != nil)
        deliver(clock: date, ledgerClock: 0, now: date)
        #expect(judge.violation == nil)
    }

    @Test mutating func `nothing is called late by one clock`() {
        let late = 10 * Self.second + judge.retention
        var both = self
        both.judge.calledLate(job, clock: late, ledgerClock: late)
        #expect(both.judge.violation == nil)
        var consumer = self
        consumer.judge.calledLate(job, clock: late, ledgerClock: 11 * Self.second)
        #expect(consumer.judge.violation != nil)
        judge.calledLate(job, clock: 11 * Self.second, ledgerClock: late)
        #expect(judge.violation != nil)
    }

    @Test mutating func `nothing is late that nothing holds up`() {
        judge.latestStart = 60 * Self.second
        claim(a, at: 69)
        var later = self
        deliver(at: 70)
        #expect(judge.violation == nil)
        later.deliver(at: 71)
        #expect(later.judge.violation != nil)
    }

    @Test mutating func `nothing runs without a lease`() {
        deliver(at: 10)
        #expect(judge.violation != nil)
    }

    @Test mutating func `nothing runs once its lease is over`() {
        claim(a, at: 10)
        deliver(at: 16)
        #expect(judge.violation != nil)
    }

    @Test mutating func `two owners inside one lease`() {
        claim(a, at: 10)
        claim(b, attempt: 2, failures: 1, at: 15)
        #expect(judge.violation != nil)
    }

    @Test mutating func `a takeover once the lease is over, and a claim repeated, are as promised`() {
        claim(a, at: 10)
        claim(a, at: 11)
        end(1, at: 17)
        claim(b, attempt: 2, failures: JobFailures(errors: 0, endedLeases: 1), at: 17)
        deliver(attempt: 2, at: 18)
        #expect(judge.violation == nil)
    }

    @Test mutating func `an ended lease is counted, and not as a failure`() {
        var uncounted = self
        uncounted.claim(a, at: 10)
        uncounted.claim(b, attempt: 2, failures: JobFailures(errors: 0, endedLeases: 1), at: 17)
        #expect(uncounted.judge.violation != nil)
        var early = self
        early.claim(a, at: 10)
        early.end(1, at: 15)
        #expect(early.judge.violation != nil)
        claim(a, at: 10)
        end(1, at: 17)
        claim(b, attempt: 2, failures: 1, at: 17)
        #expect(judge.violation != nil)
    }

    // MARK: Suspects

    static let twice = JobFailures(errors: 0, endedLeases: 2)

    @Test mutating func `a suspect that runs alone, in its turn, is as promised`() throws {
        suspect()
        judge.answeredTurn(.takeTurn(try ClaimOwner("c1.x")), .granted(attempt: 1, failures: 0), now: 22 * Self.second)
        claim(a, .alone, attempt: 3, failures: Self.twice, at: 22)
        deliver(attempt: 3, at: 23)
        #expect(judge.violation == nil)
    }

    @Test mutating func `a suspect that does not run alone`() throws {
        suspect()
        claim(a, attempt: 3, failures: Self.twice, at: 22)
        #expect(judge.violation != nil)
    }

    @Test mutating func `a suspect without the turn`() throws {
        suspect()
        judge.answeredTurn(.takeTurn(try ClaimOwner("c2.x")), .granted(attempt: 1, failures: 0), now: 22 * Self.second)
        claim(a, .alone, attempt: 3, failures: Self.twice, at: 22)
        deliver(attempt: 3, at: 23)
        #expect(judge.violation != nil)
    }

    @Test mutating func `a suspect beside another job`() throws {
        let other = judge.add("other", fireTime: 0)
        suspect()
        judge.answeredTurn(.takeTurn(try ClaimOwner("c1.x")), .granted(attempt: 1, failures: 0), now: 22 * Self.second)
        judge.answered(.claim(a), .granted(attempt: 1, failures: 0), job: other, now: 22 * Self.second)
        claim(a, .alone, attempt: 3, failures: Self.twice, at: 22)
        var beside = self
        beside.judge.delivered(
            other, attempt: 1, to: 1, clock: 23 * Self.second, ledgerClock: 23 * Self.second, now: 23 * Self.second)
        beside.deliver(attempt: 3, at: 23)
        #expect(beside.judge.violation != nil)
        deliver(attempt: 3, at: 23)
        judge.delivered(
            other, attempt: 1, to: 1, clock: 23 * Self.second, ledgerClock: 23 * Self.second, now: 23 * Self.second)
        #expect(judge.violation != nil)
    }

    @Test mutating func `two turns at once`() throws {
        judge.answeredTurn(.takeTurn(a), .granted(attempt: 1, failures: 0), now: 0)
        judge.answeredTurn(.takeTurn(b), .granted(attempt: 1, failures: 0), now: Self.lease - 1)
        #expect(judge.violation != nil)
    }

    @Test mutating func `a job given up because of leases that ended while others ran`() {
        suspect()
        claim(a, .alone, attempt: 3, failures: Self.twice, at: 22)
        answer(
            .bury(a, attempt: 3, DeathReport(reason: "2 leases ended", consumer: "c")), .settled, at: 22)
        #expect(judge.violation != nil)
    }

    @Test mutating func `a job begun three times in processes that others ended`() {
        let poison = judge.add("poison", fireTime: 0)
        for kill in 1...3 {
            judge.jobs[job].state = .absent
            judge.jobs[job].failures = 0
            claim(a, attempt: kill, at: Int64(10 * kill))
            deliver(attempt: kill, at: Int64(10 * kill))
            judge.poisoned(consumer: 1, by: poison)
            judge.crashed(consumer: 1)
            #expect((judge.violation != nil) == (kill == 3))
        }
    }

    // MARK: Failures, and who settles

    @Test mutating func `attempts rise`() {
        claim(a, at: 10)
        claim(b, attempt: 1, failures: 1, at: 17)
        #expect(judge.violation != nil)
    }

    @Test mutating func `failures are counted`() {
        claim(a, at: 10)
        answer(.retry(a, attempt: 1, delay: .zero), .settled, at: 11)
        claim(b, attempt: 2, failures: 0, at: 12)
        #expect(judge.violation != nil)
    }

    @Test mutating func `a wait is waited for`() {
        claim(a, at: 10)
        answer(.retry(a, attempt: 1, delay: .seconds(5)), .settled, at: 11)
        claim(b, attempt: 2, failures: 1, at: 15)
        #expect(judge.violation != nil)
    }

    @Test mutating func `who lost the claim settles nothing`() {
        claim(a, at: 10)
        end(1, at: 17)
        claim(b, attempt: 2, failures: JobFailures(errors: 0, endedLeases: 1), at: 17)
        answer(.complete(a, attempt: 1, copies: 3), .settled, at: 18)
        #expect(judge.violation != nil)
    }

    @Test mutating func `who lost the claim renews nothing`() {
        claim(a, at: 10)
        answer(.complete(a, attempt: 1, copies: 3), .settled, at: 11)
        answer(.renew(a, attempt: 1, recreatingWith: 0), .renewed, at: 12)
        #expect(judge.violation != nil)
    }

    @Test mutating func `nothing runs after its completion`() {
        claim(a, at: 10)
        answer(.complete(a, attempt: 1, copies: 3), .settled, at: 11)
        claim(b, attempt: 2, at: 900)
        #expect(judge.violation != nil)
    }

    @Test mutating func `a copy whose delete was undone is covered for the grace`() {
        claim(a, at: 10)
        answer(.complete(a, attempt: 1, copies: 3), .settled, at: 11)
        judge.undeleted(job, deletedAt: 12 * Self.second)
        var early = self
        early.claim(b, attempt: 1, at: 300)
        #expect(early.judge.violation != nil)
        claim(b, attempt: 1, at: 400)
        #expect(judge.violation == nil)
    }

    @Test mutating func `nothing runs after its revocation`() {
        answer(.revoke(fireDate: Timestamp(microseconds: 0).date, copies: 3), .revoked, at: 5)
        judge.revoked(job, .revoked)
        claim(a, at: 10)
        #expect(judge.violation != nil)
    }

    @Test mutating func `a run is not revoked`() {
        claim(a, at: 10)
        answer(.revoke(fireDate: Timestamp(microseconds: 0).date, copies: 3), .revoked, at: 12)
        #expect(judge.violation != nil)
    }

    @Test mutating func `what was said never to fire does not`() {
        judge.refused(job, .none, isMarked: true)
        claim(a, at: 10)
        deliver(at: 10)
        #expect(judge.violation != nil)
    }

    @Test mutating func `what ran is not said never to have`() {
        claim(a, at: 10)
        deliver(at: 10)
        judge.refused(job, .none, isMarked: true)
        #expect(judge.violation != nil)
    }

    @Test mutating func `what was said to have run had been claimed`() {
        judge.refused(job, .hasRun, isMarked: true)
        #expect(judge.violation != nil)
    }

    @Test mutating func `what may have run before it was taken back does not run again`() {
        claim(a, at: 10)
        deliver(at: 10)
        judge.refused(job, .mayHaveRun, isMarked: true)
        #expect(judge.violation == nil)
        deliver(at: 11)
        #expect(judge.violation != nil)
    }

    @Test mutating func `dead jobs run when they were replayed, and only then`() throws {
        claim(a, at: 10)
        answer(.bury(a, attempt: 1, report), .settled, at: 11)
        var unreplayed = self
        unreplayed.claim(b, attempt: 2, at: 12)
        #expect(unreplayed.judge.violation != nil)
        let owner = try ClaimOwner("operator")
        answer(.replay(owner), .replayed, at: 12)
        answer(.replay(owner), .replayed, at: 13)
        claim(b, attempt: 2, failures: 0, at: 13)
        #expect(judge.violation == nil)
        answer(.replay(owner), .replayed, at: 14)
        #expect(judge.violation != nil, "it is not dead")
    }

    @Test mutating func `copies of a job that is not done are not deleted`() {
        claim(a, at: 10)
        judge.deleted(job, writtenBy: 1, by: .consumer(1))
        #expect(judge.violation != nil)
    }

    @Test mutating func `every copy of a dead job stays, and its record too`() {
        claim(a, at: 10)
        answer(.bury(a, attempt: 1, report), .settled, at: 11)
        #expect(judge.loss(of: job, copies: 0) != nil)
        var deleted = self
        deleted.judge.deleted(job, writtenBy: 1, by: .consumer(7))
        #expect(deleted.judge.violation != nil)
        judge.expired(job, now: 900_000 * Self.second)
        #expect(judge.violation != nil)
    }

    @Test mutating func `a job is accepted with two copies of the same call`() {
        judge.stored(job, by: 2)
        judge.accepted(job, by: 2)
        #expect(judge.violation != nil)
    }

    @Test mutating func `copies of an accepted job are not taken back`() {
        judge.deleted(job, writtenBy: 1, by: .refusal(call: 1))
        #expect(judge.violation != nil)
    }

    @Test mutating func `a job that never ran is not finished`() {
        answer(.revoke(fireDate: Timestamp(microseconds: 0).date, copies: 0), .revoked, at: 1)
        #expect(judge.loss(of: job, copies: 0) != nil)
        var told = self
        told.judge.foundFinished(job)
        #expect(told.judge.violation != nil)
        judge.willRevoke(job)
        judge.foundFinished(job)
        #expect(judge.violation == nil)
        #expect(judge.loss(of: job, copies: 0) == nil)
    }

    @Test mutating func `copies go for a revocation once the ledger has it`() {
        var early = self
        early.judge.deleted(job, writtenBy: 1, by: .revocation(job: job, isMarked: true))
        #expect(early.judge.violation != nil)
        var unmarked = self
        unmarked.judge.deleted(job, writtenBy: 1, by: .revocation(job: job, isMarked: false))
        #expect(unmarked.judge.violation == nil, "its producer has no ledger to ask")
        answer(.revoke(fireDate: .now, copies: 3), .revoked, at: 1)
        judge.deleted(job, writtenBy: 1, by: .revocation(job: job, isMarked: true))
        #expect(judge.violation == nil)
    }

    @Test mutating func `strangers' copies are not deleted`() {
        let other = judge.add("other", fireTime: 0)
        var refusing = self
        refusing.judge.deleted(job, writtenBy: 1, by: .refusal(call: 2))
        #expect(refusing.judge.violation != nil)
        judge.deleted(job, writtenBy: 1, by: .revocation(job: other, isMarked: false))
        #expect(judge.violation != nil)
    }

    @Test mutating func `a record that ends too soon`() {
        claim(a, at: 10)
        judge.expired(job, now: 100 * Self.second)
        #expect(judge.violation != nil)
    }

    /// Of an id of one's own: the call of one edition was refused and may fire, another one was confirmed.
    @Test(arguments: [(100, false), (8 * 86_400, true)])
    mutating func `once the record of an id has ended in time, its editions are jobs of their own`(
        _ end: Int64, _ isAllowed: Bool
    ) throws {
        let id = try JobID("id")
        let orphan = judge.add("job edition 1", fireTime: 10 * Self.second, id: id)
        let edition = judge.add("job edition 2", fireTime: 10 * Self.second, id: id)
        let content = JobContent(date: Timestamp(microseconds: 10 * Self.second), digest: "x")
        judge.answered(.confirm(content, isReplacing: false), .confirmed, job: edition, now: Self.second)
        for job in [orphan, edition] { judge.expired(job, now: end * Self.second) }
        #expect((judge.violation == nil) == isAllowed)
        for (job, owner) in [(orphan, a), (edition, b)] {
            judge.answered(
                .claim(owner, .creating), .granted(attempt: 1, failures: 0), job: job, now: end * Self.second)
        }
        #expect((judge.violation == nil) == isAllowed)
    }

    @Test mutating func `after the ledger lost its records, early is still early`() {
        claim(a, at: 10)
        judge.wiped(job)
        claim(b, at: 11)
        deliver(at: 11)
        #expect(judge.violation == nil)
        deliver(clock: 0, ledgerClock: 0, now: 12 * Self.second)
        #expect(judge.violation != nil)
    }

    @Test mutating func `at most once is once`() {
        judge = Judge(timing: LedgerTiming(), isAtMostOnce: true)
        _ = judge.add("job", fireTime: 0)
        claim(a, at: 10)
        var early = self
        early.deliver(at: 10)
        #expect(early.judge.violation != nil)
        answer(.complete(a, attempt: 1, copies: 3), .settled, at: 11)
        deliver(at: 12)
        #expect(judge.violation == nil)
        deliver(at: 13)
        #expect(judge.violation != nil)
    }

    // MARK: Pauses

    mutating func board(_ operation: BoardOperation, _ reply: LedgerReply, at second: Int64) {
        judge.answeredOnBoard(operation, reply, now: second * Self.second)
    }

    @Test mutating func `a run that begins after its consumer was told of a pause is a breach, and only then`() {
        board(.pause(for: .seconds(5), by: "", why: ""), .paused, at: 9)
        judge.told(consumer: 1, at: 8 * Self.second)
        claim(a, at: 10)
        deliver(at: 10)
        #expect(judge.violation == nil, "it had not been told yet")
        judge.told(consumer: 1, at: 10 * Self.second)
        var other = self
        other.deliver(at: 11)
        #expect(other.judge.violation?.description.contains("into a pause") == true)
        other = self
        other.deliver(at: 14)
        #expect(other.judge.violation == nil, "it is over")
        other = self
        other.board(.resume, .resumed, at: 11)
        other.deliver(at: 11)
        #expect(other.judge.violation == nil, "it was ended")
        other = self
        other.judge.forgotPause()
        other.deliver(at: 11)
        #expect(other.judge.violation == nil, "the ledger has lost it")
    }

    @Test mutating func `a run in a consumer that was never told is a breach while the queue is paused`() {
        board(.pause(for: nil, by: "", why: ""), .paused, at: 5)
        claim(a, at: 10)
        deliver(at: 10)
        #expect(judge.violation?.description.contains("did not yet know") == true)
    }
}
