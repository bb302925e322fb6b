import PipelinedTransport
import Testing

@Suite("Exponential backoff")
struct ExponentialBackoffTests {
    @Test func `waits double up to the maximum`() {
        let backoff = ExponentialBackoff(initial: .milliseconds(50), maximum: .seconds(1), jitter: 0)
        let waits = (1...7).map { backoff.delay(afterFailures: $0, chance: 1) }
        #expect(waits == [50, 100, 200, 400, 800, 1000, 1000].map { .milliseconds($0) })
    }

    @Test func `jitter only shortens a wait, by its share at most`() {
        let backoff = ExponentialBackoff(initial: .seconds(2), maximum: .seconds(2), jitter: 0.5)
        #expect(backoff.delay(afterFailures: 1, chance: 0) == .seconds(2))
        #expect(backoff.delay(afterFailures: 1, chance: 1) == .seconds(1))
        #expect(backoff.delay(afterFailures: 1, chance: 7) == .seconds(1), "chance is clamped")
    }

    @Test func `any number of failures stays in range`() {
        let backoff = ExponentialBackoff(initial: .nanoseconds(1), maximum: .seconds(5), jitter: 0)
        #expect(backoff.delay(afterFailures: .max, chance: 0) <= .seconds(5))
        #expect(backoff.delay(afterFailures: .min, chance: 0) == .nanoseconds(1))
    }
}
