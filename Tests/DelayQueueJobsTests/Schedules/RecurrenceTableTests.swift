import DelayQueueJobs
import Foundation
import Testing

/// What `ticks.py` computed without this package: see there.
@Suite("Ticks that were computed by other means")
struct RecurrenceTableTests {
    struct Case: Decodable, Sendable, CustomTestStringConvertible {
        var text: String
        var zone: String
        var after: String
        var ticks: [String]

        var testDescription: String { "\(text) in \(zone) after \(after)" }
    }

    static let cases: [Case] = {
        guard let url = Bundle.module.url(forResource: "Ticks", withExtension: "json"),
            let data = try? Data(contentsOf: url), let cases = try? JSONDecoder().decode([Case].self, from: data)
        else { return [] }
        return cases
    }()

    @Test func `the table is there`() {
        #expect(Self.cases.count >= 300)
        #expect(Set(Self.cases.map(\.text)).count >= 60)
        #expect(Self.cases.reduce(0) { $0 + $1.ticks.count } >= 600)
    }

    @Test(arguments: cases)
    func `each tick follows the one before`(_ row: Case) throws {
        let recurrence = try Recurrence.crontab(row.text, in: .named(row.zone))
        var date = try Date.at(row.after)
        for tick in row.ticks {
            date = try #require(recurrence.next(after: date))
            try #require(date.written == tick)
        }
    }
}
