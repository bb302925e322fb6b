import DelayQueueJobs
import Foundation
import Testing

@Suite("Fixed intervals")
struct FixedStepsTests {
    @Test func `ticks are the anchor and whole intervals after it`() throws {
        let recurrence = try Recurrence.every(.seconds(90))
        let epoch = Date(timeIntervalSince1970: 0)
        #expect(recurrence.next(after: epoch - 1) == epoch)
        #expect(recurrence.next(after: epoch) == epoch + 90)
        #expect(recurrence.next(after: epoch + 89.9) == epoch + 90)
        #expect(recurrence.next(after: epoch + 90 * 20_000_000) == epoch + 90 * 20_000_001)
    }

    @Test func `no tick is before the anchor`() throws {
        let anchor = try Date.at("2030-05-06T07:08:09Z")
        let recurrence = try Recurrence.every(.seconds(86_400), startingAt: anchor)
        #expect(recurrence.next(after: .distantPast) == anchor)
        #expect(recurrence.next(after: anchor - 0.001) == anchor)
        #expect(recurrence.next(after: anchor) == anchor + 86_400)
    }

    @Test(arguments: [1_000_001, 1_500_000, 1_333_333, 86_400_000_001] as [Int64])
    func `steps of microseconds neither drift nor stand still`(_ microseconds: Int64) throws {
        let start = 1_800_000_000.25
        let recurrence = try Recurrence.every(
            .microseconds(microseconds), startingAt: Date(timeIntervalSince1970: start))
        var date = Date(timeIntervalSince1970: start - 0.5)
        for step in 0..<2_000 as Range<Int64> {
            let tick = try #require(recurrence.next(after: date))
            try #require(tick > date)
            // What is exact is the number of microseconds; a date is within a quarter of one.
            let offset = step * microseconds
            let (whole, rest) = offset.quotientAndRemainder(dividingBy: 1_000_000)
            let distance = (tick.timeIntervalSince1970 - start - Double(whole)) * 1_000_000 - Double(rest)
            try #require(abs(distance) < 0.5)
            date = tick
        }
    }

    @Test func `an interval is the same in summer and winter`() throws {
        let start = try Date.at("2026-03-28T12:00:00Z")
        let daily = try Recurrence.every(.seconds(86_400), startingAt: start)
        #expect(daily.next(after: start) == start + 86_400)
        #expect(daily.description == "@every 86400s from 1774699200s")
    }

    @Test func `anchors with fractions are read again`() throws {
        let recurrence = try Recurrence.every(.milliseconds(1_500), startingAt: Date(timeIntervalSince1970: 0.001_5))
        #expect(recurrence.description == "@every 1500ms from 1500us")
        #expect(try Recurrence.crontab(recurrence.description) == recurrence)
    }

    @Test func `an interval counts to the microsecond`() throws {
        #expect(try Recurrence.every(.seconds(1.1)).description == "@every 1100ms")
        #expect(try Recurrence.every(.nanoseconds(1_234_567_499)).description == "@every 1234567us")
        #expect(try Recurrence.every(.nanoseconds(1_234_567_500)).description == "@every 1234568us")
        #expect(throws: RecurrenceError.self) { try Recurrence.every(.nanoseconds(999_999_499)) }
    }

    @Test(
        arguments: [
            (.milliseconds(999), "999ms"), (.zero, "0s"), (.seconds(-60), "-60s"),
            (.seconds(36_525 * 86_400 + 1), "3155760001s"), (.seconds(Int64.max), "9.223372036854776e+18 seconds"),
        ] as [(Duration, String)])
    func `intervals out of range are refused`(_ interval: Duration, _ words: String) {
        let message = "the interval of \(words) is not within 1 second…36,525 days: write one that is"
        #expect(throws: RecurrenceError(.invalidInterval, message)) { try Recurrence.every(interval) }
    }

    @Test(arguments: [.infinity, -.infinity, .nan, 1e12, -1e12])
    func `anchors out of range are refused`(_ seconds: TimeInterval) {
        let message = "the first time is not within the years 1…9999: write one that is"
        #expect(throws: RecurrenceError(.invalidInterval, message)) {
            try Recurrence.every(.seconds(60), startingAt: Date(timeIntervalSince1970: seconds))
        }
    }
}
