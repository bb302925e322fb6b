import DelayQueueJobs
import Foundation
import TestSupport
import Testing

/// Random crontabs, near and far from changes of clock, against every minute of some days.
@Suite("Properties of all recurrences")
struct RecurrencePropertyTests {
    private static let zones = [
        "GMT", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Chatham",
    ]
    /// A day or two before clocks are changed somewhere, and dates that are nothing special.
    private static let starts = [
        "2026-03-27T10:11:12Z", "2026-10-23T20:00:00Z", "2026-03-07T00:30:00Z", "2026-10-30T23:59:59Z",
        "2026-04-03T09:00:00Z", "2026-10-02T11:30:00Z", "2026-09-25T05:00:00Z", "2027-02-26T00:00:00Z",
        "2027-12-30T12:34:56Z", "2028-02-28T07:00:00Z",
    ]

    @Test(arguments: 0..<150)
    func `ticks are the minutes that the words say, and no others`(_ seed: Int) throws {
        var generator = SeededGenerator(seed: 20_261_201, stream: seed)
        let crontab = RandomCrontab(from: &generator)
        let zone = try TimeZone.named(Self.zones.randomElement(using: &generator) ?? "GMT")
        let start = try Date.at(Self.starts.randomElement(using: &generator) ?? "")
        let recurrence = try Recurrence.crontab(crontab.text, in: zone)
        let end = start + 5 * 86_400
        let expected = crontab.ticks(in: zone, after: start, until: end).map(\.written)
        var ticks: [String] = []
        var date = start
        while let tick = recurrence.next(after: date), tick <= end {
            ticks.append(tick.written)
            date = tick
        }
        #expect(ticks == expected, "\(crontab.text) in \(zone.identifier) after \(start.written)")
    }

    @Test(arguments: 0..<150)
    func `ticks rise, are found from just before them, and stay the same when written down`(_ seed: Int) throws {
        var generator = SeededGenerator(seed: 17, stream: seed)
        let crontab = RandomCrontab(from: &generator)
        let zone = try TimeZone.named(Self.zones.randomElement(using: &generator) ?? "GMT")
        let recurrence = try Recurrence.crontab(crontab.text, in: zone)
        let again = try Recurrence.crontab(recurrence.description)
        #expect(again == recurrence && again.description == recurrence.description)
        for _ in 0..<20 {
            var date = Date(timeIntervalSince1970: .random(in: 1_700_000_000...2_500_000_000, using: &generator))
            for _ in 0..<5 {
                guard let tick = recurrence.next(after: date) else { break }
                try #require(tick > date)
                try #require(again.next(after: date) == tick)
                try #require(recurrence.next(after: tick - 1) == tick)
                try #require(recurrence.next(after: tick.addingTimeInterval(-0.001)) == tick)
                // Nothing between: asked anywhere before it, the answer is the same.
                let between = Date(
                    timeIntervalSince1970: .random(
                        in: date.timeIntervalSince1970...tick.timeIntervalSince1970.nextDown, using: &generator))
                try #require(recurrence.next(after: max(date, between)) == tick)
                date = tick
            }
        }
    }

    @Test(arguments: 0..<100)
    func `steps rise, and are found from just before them`(_ seed: Int) throws {
        var generator = SeededGenerator(seed: 4, stream: seed)
        let microseconds = Int64.random(in: 1_000_000...10_000_000_000, using: &generator)
        let recurrence = try Recurrence.every(
            .microseconds(microseconds),
            startingAt: Date(timeIntervalSince1970: .random(in: -1e9...1.8e9, using: &generator)))
        #expect(try Recurrence.crontab(recurrence.description) == recurrence)
        var date = Date(timeIntervalSince1970: .random(in: -2e9...4e9, using: &generator))
        for _ in 0..<50 {
            let tick = try #require(recurrence.next(after: date))
            try #require(tick > date)
            try #require(recurrence.next(after: tick.addingTimeInterval(-0.001)) == tick)
            date = tick
        }
    }

    @Test func `words of any signs are refused or have ticks`() throws {
        var generator = SeededGenerator(seed: 99)
        let signs = Array("0123456789*/-,?Lmonjanfri@ \"\\é\t")
        var accepted = 0
        for _ in 0..<20_000 {
            let fields = (0..<5).map { _ in
                if Bool.random(using: &generator) { return "*" }
                let length = Int.random(in: 1...3, using: &generator)
                return String((0..<length).compactMap { _ in signs.randomElement(using: &generator) })
            }
            let text = fields.joined(separator: " ")
            do {
                let recurrence = try Recurrence.crontab(text)
                accepted += 1
                let start = Date(timeIntervalSince1970: 1_800_000_000)
                if let tick = recurrence.next(after: start) { try #require(tick > start) }
                try #require(try Recurrence.crontab(recurrence.description) == recurrence)
            } catch let error as RecurrenceError {
                try #require(error.message.utf8.count < 400)
            }
        }
        #expect(accepted > 1_000)
    }
}

/// A crontab, and by another way the minutes that it names.
private struct RandomCrontab {
    var text: String
    private var minutes: Set<Int>
    private var hours: Set<Int>
    private var days: Set<Int>
    private var months: Set<Int>
    private var weekdays: Set<Int>
    private var hasLastDay = false
    private var needsBothDays: Bool
    private var isElapsed: Bool

    init(from generator: inout SeededGenerator) {
        let minute = Self.field(0...59, from: &generator)
        let hour = Self.field(0...23, from: &generator)
        var day = Self.field(1...31, from: &generator)
        // Most days match, so that there is something to see.
        let month =
            Bool.random(using: &generator) ? (text: "*", numbers: Set(1...12)) : Self.field(1...12, from: &generator)
        let weekday = Self.field(0...6, from: &generator)
        if !day.text.hasPrefix("*"), Bool.random(using: &generator) {
            hasLastDay = true
            day.text += ",L"
        }
        text = [minute, hour, day, month, weekday].map(\.text).joined(separator: " ")
        (minutes, hours, days) = (minute.numbers, hour.numbers, day.numbers)
        (months, weekdays) = (month.numbers, weekday.numbers)
        needsBothDays = day.text.hasPrefix("*") || weekday.text.hasPrefix("*")
        isElapsed = hour.text.hasPrefix("*") || hour.numbers.count == 24
    }

    private static func field(
        _ range: ClosedRange<Int>, from generator: inout SeededGenerator
    ) -> (text: String, numbers: Set<Int>) {
        switch Int.random(in: 0..<6, using: &generator) {
        case 0, 1: return ("*", Set(range))
        case 2:
            let step = Int.random(in: 1...min(5, range.count - 1), using: &generator)
            return ("*/\(step)", Set(stride(from: range.lowerBound, through: range.upperBound, by: step)))
        case 3:
            let ends = [Int.random(in: range, using: &generator), Int.random(in: range, using: &generator)].sorted()
            return ("\(ends[0])-\(ends[1])", Set(ends[0]...ends[1]))
        default:
            let numbers = (0..<Int.random(in: 1...4, using: &generator)).map { _ in
                // Hours in which clocks are changed come often.
                Int.random(in: Bool.random(using: &generator) ? range.lowerBound...4 : range, using: &generator)
            }
            return (numbers.map(String.init).joined(separator: ","), Set(numbers))
        }
    }

    /// Goes through all minutes from some days before, and looks at the clock.
    func ticks(in zone: TimeZone, after start: Date, until end: Date) -> [Date] {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        var daysThatMatch: [Int: Bool] = [:]
        func matches(_ local: Int) -> Bool {
            let (day, minute) = (local / 1_440, local % 1_440)
            guard hours.contains(minute / 60), minutes.contains(minute % 60) else { return false }
            if let known = daysThatMatch[day] { return known }
            let date = Date(timeIntervalSince1970: Double(day) * 86_400)
            let found = hasDay(
                calendar.dateComponents([.month, .day, .weekday], from: date),
                lastDay: calendar.range(of: .day, in: .month, for: date)?.last)
            daysThatMatch[day] = found
            return found
        }
        var ticks: [Date] = []
        var instant = (Int(start.timeIntervalSince1970) / 60 - 3 * 1_440)
        var latest = Int.max
        while instant * 60 <= Int(end.timeIntervalSince1970) {
            let date = Date(timeIntervalSince1970: Double(instant) * 60)
            let local = instant + zone.secondsFromGMT(for: date) / 60
            let isTick =
                isElapsed
                ? matches(local) : latest < local && (latest + 1...local).contains(where: matches)
            if isTick, date > start { ticks.append(date) }
            latest = latest == .max ? local : max(latest, local)
            instant += 1
        }
        return ticks
    }

    private func hasDay(_ date: DateComponents, lastDay: Int?) -> Bool {
        guard let day = date.day, let month = date.month, let weekday = date.weekday, months.contains(month) else {
            return false
        }
        let isDate = days.contains(day) || hasLastDay && day == lastDay
        let isWeekday = weekdays.contains(weekday - 1)
        return needsBothDays ? isDate && isWeekday : isDate || isWeekday
    }
}
