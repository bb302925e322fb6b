import Foundation
import TestSupport
import Testing

@testable import DelayQueueJobs

@Suite("Dates of whole microseconds")
struct DateMicrosecondsTests {
    @Test func `a date is never after its microsecond, and tells it again`() throws {
        var generator = SeededGenerator(seed: 1_000_000)
        for _ in 0..<20_000 {
            // The years 1970 to 2096.
            let microseconds = Int64.random(in: 0...4_000_000_000_000_000, using: &generator)
            let date = Date(microseconds: microseconds)
            let (whole, fraction) = date.wholeSecondsAndFraction
            try #require(whole == microseconds / 1_000_000)
            try #require(fraction * 1_000_000 <= Double(microseconds % 1_000_000))
            try #require(date.nearestMicrosecond == microseconds)
        }
    }

    @Test(arguments: [0, -1, 978_307_200, 253_402_300_799, -62_135_596_800] as [Int64])
    func `whole seconds are exact`(_ seconds: Int64) {
        let date = Date(microseconds: seconds * 1_000_000)
        #expect(date.timeIntervalSince1970 == Double(seconds))
        #expect(date.wholeSecondsAndFraction == (seconds, 0))
    }
}
