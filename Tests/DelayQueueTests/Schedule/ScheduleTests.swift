import DelayQueue
import TestSupport
import Testing

@Suite struct DuePriorityTests {
    // A moment whose 4 ms steps do not wrap within the test.
    private let base = Timestamp(microseconds: 1_795_000_000_000_000)

    @Test func laterComesLaterWithinAClass() {
        var previous = DuePriority.encode(fireTime: base, priority: .normal)
        for step in 1...10_000 {
            let next = DuePriority.encode(fireTime: base + .milliseconds(4 * step), priority: .normal)
            #expect(next == previous + 1)
            previous = next
        }
    }

    @Test func classesComeFirst() {
        let late = base + .seconds(86_400)
        #expect(
            DuePriority.encode(fireTime: late, priority: .high) < DuePriority.encode(fireTime: base, priority: .normal))
        #expect(
            DuePriority.encode(fireTime: late, priority: .normal) < DuePriority.encode(fireTime: base, priority: .low))
    }

    @Test func wrapsAndStaysInItsClass() {
        let period: Int64 = (1 << 30) * 4_000
        for priority in [JobPriority.high, .normal, .low] {
            let first = DuePriority.encode(fireTime: base, priority: priority)
            let wrapped = DuePriority.encode(
                fireTime: Timestamp(microseconds: base.microseconds + period), priority: priority)
            #expect(first == wrapped)
            let last = DuePriority.encode(fireTime: Timestamp(microseconds: period - 1), priority: priority)
            #expect(last >> 30 == first >> 30)
            #expect(last & 0x3fff_ffff == 0x3fff_ffff)
        }
        #expect(DuePriority.encode(fireTime: Timestamp(microseconds: .min), priority: .high) == 0)
    }
}

@Suite struct PutDelayTests {
    private let now = Timestamp(microseconds: 1_795_000_000_000_000)

    @Test(arguments: [
        (Duration.zero, UInt32(0)), (.seconds(-5), 0), (.milliseconds(1_049), 0), (.milliseconds(1_050), 1),
        (.milliseconds(1_049) + .microseconds(999), 0), (.seconds(2), 1), (.milliseconds(2_050), 2),
        (.seconds(86_400), 86_399), (.seconds(4_294_967_295), 4_294_967_294),
        (.seconds(4_294_967_296) + .milliseconds(49), 4_294_967_295),
    ])
    func isFloorOfWhatRemainsLessTheMargin(_ remaining: Duration, _ seconds: UInt32) throws {
        #expect(try PutDelay.seconds(until: now + remaining, now: now) == seconds)
        #expect(PutDelay.releaseSeconds(until: now + remaining, now: now) == seconds)
    }

    @Test func isNeverLate() throws {
        var generator = SeededGenerator(seed: 6)
        for _ in 0..<10_000 {
            let remaining = Duration.microseconds(Int64.random(in: 0...200_000_000, using: &generator))
            let delay = Duration.seconds(try PutDelay.seconds(until: now + remaining, now: now))
            #expect(delay <= max(remaining - PutDelay.margin, .zero))
            #expect(remaining - delay < .milliseconds(1_050))
        }
    }

    /// So many seconds go-queue asks for: those of the time that its caller named.
    @Test(arguments: [
        (Duration.seconds(5), Duration.zero, UInt32(5)), (.seconds(5), .milliseconds(3), 5),
        (.seconds(5), .milliseconds(50), 5),
        (.seconds(5), .milliseconds(51), 4), (.seconds(5), .seconds(3), 2), (.milliseconds(5_020), .milliseconds(3), 5),
        (.milliseconds(4_990), .milliseconds(3), 4), (.zero, .milliseconds(3), 0), (.milliseconds(100), .seconds(9), 0),
        (.seconds(4_294_967_297), .zero, .max),
    ])
    func isGoQueuesOwnInItsFormat(_ asked: Duration, _ passed: Duration, _ seconds: UInt32) {
        #expect(PutDelay.goQueueSeconds(asked: asked, until: now + asked, now: now + passed) == seconds)
        // A clock that was set back since.
        #expect(PutDelay.goQueueSeconds(asked: asked, until: now + asked, now: now + .seconds(-1)) >= seconds)
    }

    @Test func tooFar() {
        let limit = now + .seconds(4_294_967_296) + .milliseconds(50)
        let error = #expect(throws: DelayQueueError.self) { try PutDelay.seconds(until: limit, now: now) }
        #expect(error?.code == .dateTooFar)
        #expect(PutDelay.releaseSeconds(until: limit, now: now) == .max)
        #expect(
            PutDelay.releaseSeconds(until: Timestamp(microseconds: .max), now: Timestamp(microseconds: .min)) == .max)
    }
}

@Suite struct RetryPolicyTests {
    @Test func doublesUpToTheLimit() {
        let policy = RetryPolicy()
        let delays = (1...25).map { policy.delay(afterFailures: $0, chance: 0) }
        #expect(delays[..<12].compactMap(\.self) == (0..<12).map { .seconds(1 << $0) })
        #expect(delays[12..<24].allSatisfy { $0 == .seconds(3600) })
        #expect(delays[24] == nil)
        let total = delays.compactMap(\.self).reduce(.zero, +)
        #expect((Duration.seconds(12 * 3600)...Duration.seconds(14 * 3600)).contains(total))
    }

    @Test func jitterOnlyShortens() {
        let policy = RetryPolicy()
        #expect(policy.delay(afterFailures: 1, chance: 1) == .milliseconds(800))
        #expect(policy.delay(afterFailures: 1, chance: 0.5) == .milliseconds(900))
    }

    @Test func extremes() {
        var policy = RetryPolicy()
        policy.maximumFailures = .max
        policy.multiplier = 1e300
        #expect(policy.delay(afterFailures: 1_000_000_000, chance: 0) == policy.maximumDelay)
        policy.multiplier = 1
        #expect(policy.delay(afterFailures: 5, chance: 0) == policy.initialDelay)
        policy.initialDelay = .zero
        policy.multiplier = 2
        #expect(policy.delay(afterFailures: 5, chance: 0) == .zero)
        #expect(policy.delay(afterFailures: 0, chance: 0) == .zero)
        #expect(policy.delay(afterFailures: .max, chance: 0) == nil)
        #expect(policy.delay(afterFailures: .min, chance: 0) == .zero)
    }

    /// Anybody may ask, also a policy that no consumer would take.
    @Test func answersWhateverIsAsked() {
        var policy = RetryPolicy()
        #expect(policy.delay(afterFailures: 1, chance: 7) == .milliseconds(800))
        #expect(policy.delay(afterFailures: 1, chance: -1) == .seconds(1))
        #expect(policy.delay(afterFailures: 1, chance: .nan) == .seconds(1))
        policy.maximumDelay = .seconds(Int64.max)
        policy.multiplier = .infinity
        #expect(policy.delay(afterFailures: 2, chance: 0) == policy.maximumDelay)
        policy.multiplier = .nan
        policy.jitter = 3
        #expect(policy.delay(afterFailures: 3, chance: 0.5) == policy.maximumDelay * 0.5)
        #expect(policy.delay(afterFailures: 3, chance: 1) == .zero)
        policy.multiplier = -2
        policy.jitter = .nan
        #expect(policy.delay(afterFailures: 2, chance: 1) == .zero)
        policy.maximumDelay = .seconds(-1)
        #expect(policy.delay(afterFailures: 1, chance: 0) == .zero)
    }

    @Test func namesEveryProblem() {
        #expect(RetryPolicy().problems.isEmpty)
        var policy = RetryPolicy()
        policy.maximumFailures = 0
        policy.multiplier = .nan
        policy.jitter = 1.5
        policy.initialDelay = .seconds(-1)
        #expect(policy.problems.count == 4)
    }
}
