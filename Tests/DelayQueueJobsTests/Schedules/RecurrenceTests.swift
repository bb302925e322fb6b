import DelayQueueJobs
import Foundation
import Testing

@Suite("Recurrences")
struct RecurrenceTests {
    private let start: Date
    private let berlin: TimeZone

    init() throws {
        start = try .at("2026-02-10T12:00:00Z")
        berlin = try .named("Europe/Berlin")
    }

    private func ticks(_ recurrence: Recurrence, after start: Date? = nil, count: Int = 3) throws -> [String] {
        var date = start ?? self.start
        var ticks: [String] = []
        for _ in 0..<count {
            date = try #require(recurrence.next(after: date))
            ticks.append(date.written)
        }
        return ticks
    }

    @Test func `the common ones are crontabs`() throws {
        let time = try Recurrence.TimeOfDay(hour: 9, minute: 30)
        #expect(try Recurrence.daily(at: time, in: berlin) == .crontab("30 9 * * *", in: berlin))
        #expect(try Recurrence.daily(at: .init(hour: 9, second: 7)) == .crontab("7 0 9 * * *"))
        #expect(try Recurrence.daily(at: .midnight) == .crontab("@daily"))
        #expect(try Recurrence.daily(at: .noon) == .crontab("0 12 * * *"))
        #expect(try Recurrence.hourly() == .crontab("@hourly"))
        #expect(try Recurrence.hourly(atMinute: 20, in: berlin) == .crontab("20 * * * *", in: berlin))
        #expect(
            try Recurrence.weekly(on: [.sunday, .monday, .tuesday, .wednesday], at: time) == .crontab("30 9 * * 0-3"))
        #expect(try Recurrence.weekly(on: [.thursday, .friday, .saturday], at: time) == .crontab("30 9 * * 4-6"))
        let all: Set<Locale.Weekday> = [.monday, .tuesday, .wednesday, .thursday, .friday, .saturday, .sunday]
        #expect(try Recurrence.weekly(on: all, at: time) == .daily(at: time))
        #expect(try Recurrence.monthly(on: 15, at: time, in: berlin) == .crontab("30 9 15 * *", in: berlin))
        #expect(try Recurrence.monthly(on: .last, at: time) == .crontab("30 9 L * *"))
    }

    @Test func `the common ones refuse what does not exist`() {
        func error(_ message: String) -> RecurrenceError { RecurrenceError(.invalidTime, message) }
        #expect(throws: error("hour 24 is not within 0…23")) { try Recurrence.TimeOfDay(hour: 24) }
        #expect(throws: error("minute -1 is not within 0…59")) { try Recurrence.TimeOfDay(hour: 0, minute: -1) }
        #expect(throws: error("second 60 is not within 0…59")) { try Recurrence.TimeOfDay(hour: 0, second: 60) }
        #expect(throws: error("hourly: minute 60 is not within 0…59")) { try Recurrence.hourly(atMinute: 60) }
        #expect(throws: error("monthly: day 32 is not within 1…31; .last is the last of each month")) {
            try Recurrence.monthly(on: 32, at: .noon)
        }
        #expect(throws: error("weekly: there is no day, so it would never run: name one, as in [.monday]")) {
            try Recurrence.weekly(on: [], at: .noon)
        }
    }

    @Test func `a day that a month does not have is left out, the last is not`() throws {
        #expect(
            try ticks(.monthly(on: 31, at: .midnight))
                == ["2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z", "2026-07-31T00:00:00Z"])
        #expect(
            try ticks(.monthly(on: .last, at: .midnight))
                == ["2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z", "2026-04-30T00:00:00Z"])
    }

    @Test func `a tick is after the date, by however little`() throws {
        let minutely = try Recurrence.crontab("* * * * *")
        let tick = try Date.at("2026-02-10T12:00:00Z")
        #expect(minutely.next(after: tick) == tick + 60)
        #expect(minutely.next(after: tick + 0.000001) == tick + 60)
        #expect(minutely.next(after: tick - 0.000001) == tick)
        #expect(minutely.next(after: tick.addingTimeInterval(-0.5)) == tick)
        // Close to what dates are counted from, they are told apart by less than they are elsewhere.
        let reference = Date(timeIntervalSinceReferenceDate: 0)
        #expect(minutely.next(after: Date(timeIntervalSinceReferenceDate: -1e-12)) == reference)
        #expect(minutely.next(after: Date(timeIntervalSinceReferenceDate: 1e-12)) == reference + 60)
    }

    @Test(arguments: ["0 0 31 2 *", "0 0 30 feb *", "0 0 31 4,6,9,11 *", "0 0 31 2 */2"])
    func `what never comes is nil`(_ text: String) throws {
        #expect(try Recurrence.crontab(text).next(after: start) == nil)
        #expect(try Recurrence.crontab(text, in: berlin).next(after: .distantPast) == nil)
    }

    @Test func `a leap day at a weekend is found across a century without one`() throws {
        let recurrence = try Recurrence.crontab("0 0 29 2 */6")
        #expect(
            try ticks(recurrence, after: .at("2089-01-01T00:00:00Z"))
                == ["2116-02-29T00:00:00Z", "2128-02-29T00:00:00Z", "2144-02-29T00:00:00Z"])
    }

    @Test func `dates at the ends of time have answers`() throws {
        for recurrence in [
            try Recurrence.crontab("30 2 * * *", in: berlin), try .crontab("* * * * *", in: berlin),
            try .every(.seconds(60)),
        ] {
            #expect(recurrence.next(after: .distantFuture) != nil)
            let nan = Date(timeIntervalSinceReferenceDate: .nan)
            let none = [
                nan, Date(timeIntervalSinceReferenceDate: .infinity), Date(timeIntervalSince1970: 253_402_300_799),
            ]
            for date in none { #expect(recurrence.next(after: date) == nil) }
            let least = Date(timeIntervalSinceReferenceDate: -.infinity)
            let first = try #require(recurrence.next(after: least))
            #expect(recurrence.next(after: Date(timeIntervalSinceReferenceDate: -1e300)) == first)
            #expect(first.timeIntervalSince1970 <= 0)
        }
        // The last minute there is, and no other.
        let last = Date(timeIntervalSince1970: 253_402_300_740)
        #expect(try Recurrence.crontab("* * * * *").next(after: last - 1) == last)
    }

    @Test(arguments: [
        ("0 9 * * mon-fri", "CRON_TZ=GMT 0 9 * * 1-5"), ("0 0 9 * * *", "CRON_TZ=GMT 0 9 * * *"),
        ("*/15 0-23 1-31 1-12 0-7", "CRON_TZ=GMT 0,15,30,45 * * * *"), ("@weekly", "CRON_TZ=GMT 0 0 * * 0"),
        ("  5   */2 ? jan,FEB,mar,12 7\n", "CRON_TZ=GMT 5 */2 * 1-3,12 0"), ("0 0 L * *", "CRON_TZ=GMT 0 0 L * *"),
        ("0 0 1,l * *", "CRON_TZ=GMT 0 0 1,L * *"), ("7-9 1 1 1 1 *", "CRON_TZ=GMT 7-9 1 1 1 1 *"),
        ("0 0 */2 * 5", "CRON_TZ=GMT 0 0 */2 * 5"),
        ("0 0 1-31/2 * 5", "CRON_TZ=GMT 0 0 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31 * 5"),
        ("0 0 L * */3", "CRON_TZ=GMT 0 0 L * */3"), ("0 0 1-31 * 5", "CRON_TZ=GMT 0 0 * * *"),
        ("0 0 5 * sun-sat", "CRON_TZ=GMT 0 0 * * *"), ("0 0 L,1-31 * *", "CRON_TZ=GMT 0 0 * * *"),
        ("CRON_TZ=Asia/Kathmandu 0 0 1 1 *", "CRON_TZ=Asia/Kathmandu 0 0 1 1 *"),
        ("0 0 */16,3 * 5", "CRON_TZ=GMT 0 0 1,3,17 * 5"), ("0 0 3,*/16 * 5", "CRON_TZ=GMT 0 0 1,3,17 * 5"),
        ("0 5,*/12 * * *", "CRON_TZ=GMT 0 0,5,12 * * *"), ("0 0 1-31/16,*/16 * 5", "CRON_TZ=GMT 0 0 1,17 * 5"),
        ("0 0 * * 7-2", "CRON_TZ=GMT 0 0 * * 0-2"), ("0 0 * * 5-0", "CRON_TZ=GMT 0 0 * * 0,5,6"),
        ("0 0 * * 7,7-7", "CRON_TZ=GMT 0 0 * * 0"), ("0 0 * * 4/2", "CRON_TZ=GMT 0 0 * * 4,6"),
        ("CRON_TZ=UTC @daily", "CRON_TZ=GMT 0 0 * * *"), ("CRON_TZ=Etc/UTC @daily", "CRON_TZ=GMT 0 0 * * *"),
        ("@every 90s", "@every 90s"), ("@every 1h1m1s", "@every 3661s"), ("@EVERY 1500ms", "@every 1500ms"),
        ("@every 1s1us from -7s", "@every 1000001us from -7s"),
        ("@every 60m from 1735689600s", "@every 3600s from 1735689600s"),
    ])
    func `the description is the same however it was written, and is read again`(_ text: String, _ canonical: String)
        throws
    {
        let recurrence = try Recurrence.crontab(text)
        #expect(recurrence.description == canonical)
        #expect(try Recurrence.crontab(canonical, in: berlin) == recurrence)
    }

    @Test func `zones make a difference, their settings do not`() throws {
        #expect(try Recurrence.crontab("@daily") != .crontab("@daily", in: berlin))
        #expect(try Recurrence.crontab("CRON_TZ=Europe/Berlin @daily", in: .gmt) == .crontab("@daily", in: berlin))
        #expect(try Recurrence.crontab("@daily", in: .autoupdatingCurrent) == .crontab("@daily", in: .current))
        let fixed = try Recurrence.crontab("0 12 * * *", in: #require(TimeZone(secondsFromGMT: 20_700)))
        #expect(fixed.description == "CRON_TZ=GMT+0545 0 12 * * *")
        #expect(try Recurrence.crontab(fixed.description) == fixed)
        #expect(try ticks(fixed, count: 1) == ["2026-02-11T06:15:00Z"])
    }

    @Test(.timeLimit(.minutes(5)))
    func `a year of minutes is quick`() throws {
        let recurrence = try Recurrence.crontab("* * * * *", in: berlin)
        let start = try Date.at("2026-01-01T00:00:00Z")
        var date = start
        for _ in 0..<525_600 { date = recurrence.next(after: date) ?? .distantFuture }
        #expect(date == start + 525_600 * 60)
    }
}
