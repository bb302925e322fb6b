import DelayQueue
import Testing

@testable import CommandSupport

@Suite struct DateTextTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-01-02T03:04:05.678Z", 1_767_323_045_678_000),
        ("2026-01-02T05:04:05.678+02:00", 1_767_323_045_678_000),
        ("2026-01-01T21:34:05.678-0530", 1_767_323_045_678_000),
        ("2026-01-02 03:04:05,678z", 1_767_323_045_678_000),
        ("2024-02-29T12:00:00Z", 1_709_208_000_000_000),
        ("2000-03-01T00:00:00.000001Z", 951_868_800_000_001),
        ("1969-12-31T23:59:59.5Z", -500_000),
        ("@1735689600.25", 1_735_689_600_250_000),
        ("@0", 0),
        // Finer than a microsecond: never early.
        ("@1.000000001", 1_000_001),
        ("1970-01-01T00:00:01.0000001Z", 1_000_001),
    ])
    func reads(_ text: String, _ microseconds: Int64) throws {
        #expect(try DateText.parse(text).microseconds == microseconds)
    }

    @Test(arguments: [
        ("", "empty"),
        ("tomorrow", "the year is not 4 digits"),
        ("2026", "- is missing after the year"),
        ("2026-13-01T00:00:00Z", "the month is 13"),
        ("2026-02-29T00:00:00Z", "the day is 29, not within 1 to 28"),
        ("2026-02-00T00:00:00Z", "the day is 00"),
        ("2026-01-02T24:00:00Z", "the hour is 24"),
        ("2026-01-02T03:60:00Z", "the minute is 60"),
        ("2026-01-02T03:04:60Z", "the second is 60"),
        ("2026-01-02T03:04:05.Z", "fraction"),
        ("2026-01-02T03:04:05.1234567890Z", "fraction"),
        ("2026-01-02T03:04:05", "time zone is missing"),
        ("2026-01-02T03:04:05 UTC", "no time zone"),
        ("2026-01-02T03:04:05Z ", "follows"),
        ("2026-01-02T03:04:05+2", "time zone's hour"),
        ("２026-01-02T03:04:05Z", "the year is not 4 digits"),
        ("@", "seconds since 1970"),
        ("@-5", "seconds since 1970"),
        ("@1e9", "seconds since 1970"),
        ("@99999999999", "seconds since 1970"),
    ])
    func namesWhatIsWrong(_ text: String, _ problem: String) {
        let error = #expect(throws: InvalidText.self) { try DateText.parse(text) }
        #expect(error?.description.contains(problem) == true, "\(error?.description ?? "")")
    }

    @Test func writesWhatItReads() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            // The years 1700 to 2255, which is all that jobs can be scheduled for.
            let time = Timestamp(
                microseconds: .random(in: -8_520_336_000_000_000...Timestamp.latest.microseconds, using: &generator))
            let text = DateText.string(time)
            #expect(text.utf8.count == 27)
            #expect(try DateText.parse(text) == time, "\(text)")
        }
        #expect(DateText.string(Timestamp(microseconds: -1)) == "1969-12-31T23:59:59.999999Z")
        #expect(DateText.string(Timestamp(microseconds: 1_709_208_000_000_000)) == "2024-02-29T12:00:00.000000Z")
    }

    @Test func everyDayOf400YearsFollowsTheOneBefore() {
        var day = CalendarDay(year: 1900, month: 1, day: 1)
        let first = day.daysSinceEpoch
        for offset in 0..<146_097 {
            #expect(day.daysSinceEpoch == first + offset)
            #expect(CalendarDay(daysSinceEpoch: first + offset) == day)
            day.day += 1
            if day.day > CalendarDay.lengthOfMonth(day.month, year: day.year) {
                day = .init(year: day.year, month: day.month + 1, day: 1)
            }
            if day.month > 12 { day = .init(year: day.year + 1, month: 1, day: 1) }
        }
    }
}
