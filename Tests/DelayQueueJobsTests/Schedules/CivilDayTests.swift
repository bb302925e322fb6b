import Foundation
import TestSupport
import Testing

@testable import DelayQueueJobs

@Suite("Days of the calendar")
struct CivilDayTests {
    @Test func `days are those of Foundation's calendar, from 1583 to 9999`() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        var generator = SeededGenerator(seed: 1583)
        // 1583-01-01 and 9999-12-31.
        let range = -141_349...2_932_896
        let ends = [range.lowerBound, range.upperBound, 0, -1, 11_016, 11_017]
        for number in ends + (0..<5_000).map({ _ in Int.random(in: range, using: &generator) }) {
            let date = Date(timeIntervalSince1970: Double(number) * 86_400)
            let parts = calendar.dateComponents([.year, .month, .day, .weekday], from: date)
            let day = CivilDay(number: number)
            try #require(day.year == parts.year && day.month == parts.month && day.day == parts.day)
            try #require(day.weekday + 1 == parts.weekday)
            try #require(day.number == number)
            try #require(day.daysOfMonth == calendar.range(of: .day, in: .month, for: date)?.count)
        }
        #expect(CivilDay(number: range.lowerBound) == CivilDay(year: 1583, month: 1, day: 1))
        #expect(CivilDay(number: range.upperBound) == CivilDay(year: 9999, month: 12, day: 31))
    }
}
