/// One of a crontab's fields: what it is called, and what may stand in it.
enum CrontabField: Int, CaseIterable, Sendable {
    case second, minute, hour, day, month, weekday

    /// As the fields of a crontab are named in messages.
    var name: String { "\(self)" }

    /// What numbers may be written.
    var allowed: ClosedRange<Int> {
        switch self {
        case .second, .minute: 0...59
        case .hour: 0...23
        case .day: 1...31
        case .month: 1...12
        // Sunday is both.
        case .weekday: 0...7
        }
    }

    /// The numbers there are, each once: what `*` means.
    var all: ClosedRange<Int> { self == .weekday ? 0...6 : allowed }

    /// What stands for the numbers of `all`, in their order; none where only numbers may be written.
    var names: [String] {
        switch self {
        case .month: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
        case .weekday: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
        case .second, .minute, .hour, .day: []
        }
    }

    /// Whether it decides about the day.
    var isOfDays: Bool { self == .day || self == .weekday }

    /// What may be written, in words.
    var advice: String {
        switch self {
        case .second, .minute, .hour: "write \(allowed.written)"
        case .day: "write \(allowed.written), or L for the last day of the month"
        case .month: "write \(allowed.written) or jan…dec"
        case .weekday: "write 0…6 from Sunday on, 7 for Sunday too, or sun…sat"
        }
    }

    /// How long a step may be: a longer one would make no second step.
    var steps: ClosedRange<Int> { 1...(all.upperBound - all.lowerBound) }
}

extension ClosedRange<Int> {
    /// As people write a range.
    var written: String { "\(lowerBound)…\(upperBound)" }
}
