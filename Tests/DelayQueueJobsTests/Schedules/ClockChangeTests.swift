import DelayQueueJobs
import Foundation
import Testing

@Suite("Ticks where clocks are changed")
struct ClockChangeTests {
    private func ticks(_ text: String, _ zone: String, after start: String, count: Int) throws -> [String] {
        let recurrence = try Recurrence.crontab(text, in: .named(zone))
        var date = try Date.at(start)
        var ticks: [String] = []
        for _ in 0..<count {
            date = try #require(recurrence.next(after: date))
            ticks.append(date.written)
        }
        return ticks
    }

    @Test func `a time that is skipped is kept at the next instant that exists`() throws {
        // 02:00 to 03:00 is skipped.
        #expect(
            try ticks("30 2 * * *", "Europe/Berlin", after: "2026-03-28T00:00:00Z", count: 3)
                == ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"])
        #expect(
            try ticks("30 2 * * *", "America/New_York", after: "2026-03-07T12:00:00Z", count: 2)
                == ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"])
        // 02:00 to 02:30 is skipped.
        #expect(
            try ticks("15 2 * * *", "Australia/Lord_Howe", after: "2026-10-03T12:00:00Z", count: 2)
                == ["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"])
    }

    @Test func `times that are skipped together, and the one after them, are one tick`() throws {
        #expect(
            try ticks("*/20 2,3 * * *", "Europe/Berlin", after: "2026-03-29T00:00:00Z", count: 3)
                == ["2026-03-29T01:00:00Z", "2026-03-29T01:20:00Z", "2026-03-29T01:40:00Z"])
    }

    @Test func `a time that comes twice is kept the first time`() throws {
        #expect(
            try ticks("30 2 * * *", "Europe/Berlin", after: "2026-10-24T12:00:00Z", count: 2)
                == ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"])
        #expect(
            try ticks("30 1 * * *", "America/New_York", after: "2026-10-31T12:00:00Z", count: 2)
                == ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"])
        // 01:30 to 02:00 comes twice.
        #expect(
            try ticks("45 1 * * *", "Australia/Lord_Howe", after: "2026-04-04T12:00:00Z", count: 2)
                == ["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"])
    }

    @Test func `whoever asks while a time is shown for the second time gets the next day's`() throws {
        #expect(
            try ticks("30 2 * * *", "Europe/Berlin", after: "2026-10-25T01:05:00Z", count: 1)
                == ["2026-10-26T01:30:00Z"])
    }

    @Test func `every quarter of an hour goes on through an hour that comes twice`() throws {
        #expect(
            try ticks("*/15 * * * *", "Europe/Berlin", after: "2026-10-25T00:40:00Z", count: 6)
                == [
                    "2026-10-25T00:45:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:15:00Z", "2026-10-25T01:30:00Z",
                    "2026-10-25T01:45:00Z", "2026-10-25T02:00:00Z",
                ])
        #expect(
            try ticks("*/15 * * * *", "Australia/Lord_Howe", after: "2026-04-04T14:40:00Z", count: 4)
                == ["2026-04-04T14:45:00Z", "2026-04-04T15:00:00Z", "2026-04-04T15:15:00Z", "2026-04-04T15:30:00Z"])
    }

    @Test func `every hour leaves out the one that is skipped, without a gap in elapsed time`() throws {
        #expect(
            try ticks("0 * * * *", "America/New_York", after: "2026-03-08T05:30:00Z", count: 3)
                == ["2026-03-08T06:00:00Z", "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"])
    }

    @Test func `every second hour is what the clock shows`() throws {
        // 00:00, 02:00 and 02:00 again, 04:00.
        #expect(
            try ticks("0 */2 * * *", "Europe/Berlin", after: "2026-10-24T21:00:00Z", count: 4)
                == ["2026-10-24T22:00:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T03:00:00Z"])
        // 00:00, and 04:00: there is no 02:00.
        #expect(
            try ticks("0 */2 * * *", "Europe/Berlin", after: "2026-03-28T22:30:00Z", count: 2)
                == ["2026-03-28T23:00:00Z", "2026-03-29T02:00:00Z"])
    }

    @Test func `all hours written one by one are all hours`() throws {
        let all = (0...23).map(String.init).joined(separator: ",")
        let berlin = try TimeZone.named("Europe/Berlin")
        #expect(try Recurrence.crontab("0 \(all) * * *", in: berlin) == .crontab("0 * * * *", in: berlin))
        #expect(try Recurrence.crontab("0 */2 * * *") != .crontab("0 0-23/2 * * *"))
    }

    @Test func `a midnight that is skipped, and a day`() throws {
        #expect(
            try ticks("0 0 * * *", "America/Sao_Paulo", after: "2018-11-03T12:00:00Z", count: 2)
                == ["2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"])
        // Samoa had no 30 December 2011. A time late on that day is skipped like one that is early.
        #expect(
            try ticks("0 23 30 12 *", "Pacific/Apia", after: "2011-06-01T00:00:00Z", count: 2)
                == ["2011-12-30T10:00:00Z", "2012-12-30T09:00:00Z"])
        #expect(
            try ticks("0 12 30 12 *", "Pacific/Apia", after: "2011-06-01T00:00:00Z", count: 2)
                == ["2011-12-30T10:00:00Z", "2012-12-29T22:00:00Z"])
    }

    @Test func `a day whose last hour comes twice is not over after the first time`() throws {
        // Asked at 23:45, before it is 23:00 again. The next such day is a year away.
        #expect(
            try ticks("30 * 17 2 *", "America/Sao_Paulo", after: "2018-02-18T01:45:00Z", count: 2)
                == ["2018-02-18T02:30:00Z", "2019-02-17T03:30:00Z"])
        #expect(
            try ticks("30 23 17 2 *", "America/Sao_Paulo", after: "2018-02-18T01:45:00Z", count: 1)
                == ["2019-02-18T02:30:00Z"])
    }

    @Test func `quarters of an hour in Kathmandu`() throws {
        #expect(
            try ticks("0 * * * *", "Asia/Kathmandu", after: "2026-01-01T00:00:00Z", count: 2)
                == ["2026-01-01T00:15:00Z", "2026-01-01T01:15:00Z"])
    }
}
