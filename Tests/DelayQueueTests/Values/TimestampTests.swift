import DelayQueue
import Foundation
import TestSupport
import Testing

@Suite struct TimestampTests {
    @Test func isNeverBeforeTheDateAndAtMostAMicrosecondAfter() throws {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<20_000 {
            let seconds = Double.random(in: -1e9...4e9, using: &generator)
            let time = try Timestamp(Date(timeIntervalSinceReferenceDate: seconds))
            // Exact: the whole seconds are taken off before the comparison.
            let whole = seconds.rounded(.down)
            let steps = Double(time.microseconds - (Int64(whole) + 978_307_200) * 1_000_000)
            let exact = (seconds - whole) * 1_000_000
            #expect(steps >= exact)
            #expect(steps < exact + 1)
        }
    }

    @Test func survivesTheWayThroughADate() throws {
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<20_000 {
            let time = Timestamp(microseconds: Int64.random(in: 0...4_102_444_800_000_000, using: &generator))
            #expect(try Timestamp(time.date) == time)
        }
    }

    @Test func datesOutOfRange() throws {
        for date in [Date.distantFuture, Date(timeIntervalSince1970: .nan), Date(timeIntervalSince1970: .infinity)] {
            let error = #expect(throws: DelayQueueError.self) { try Timestamp(date) }
            #expect(error?.code == .dateTooFar)
        }
        #expect(try Timestamp(.distantPast) < Timestamp(microseconds: 0))
        #expect(try Timestamp(Date(timeIntervalSince1970: -.infinity)) < Timestamp(microseconds: 0))
    }

    @Test func arithmetic() {
        let time = Timestamp(microseconds: 1_000_000)
        #expect((time + .seconds(1)).microseconds == 2_000_000)
        #expect((time + .nanoseconds(1)).microseconds == 1_000_001)
        #expect((time - .milliseconds(1)).microseconds == 999_000)
        #expect((time + .seconds(Int64.max)).microseconds == .max)
        #expect((time - .seconds(Int64.max)).microseconds <= .min + 1_000_000)
        #expect(time.duration(to: time + .seconds(3)) == .seconds(3))
        #expect(Timestamp(microseconds: .min).duration(to: Timestamp(microseconds: .max)) > .zero)
        #expect(time < time + .microseconds(1))
    }

    @Test func nowIsTheSystemsTime() throws {
        let before = try Timestamp(Date()) - .seconds(1)
        #expect(Timestamp.now() > before)
        #expect(Timestamp.now() < before + .seconds(60))
    }
}
