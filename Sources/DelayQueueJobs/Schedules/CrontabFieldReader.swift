/// Reads one field of a crontab.
///
/// The work is bounded: a text has 1,000 bytes at most, an item of a list 60 numbers.
struct CrontabFieldReader {
    let field: CrontabField
    /// As it is counted in the text, from 1.
    let number: Int

    func read(_ text: Substring) throws(RecurrenceError) -> CrontabFieldValue {
        let items = text.split(separator: ",", omittingEmptySubsequences: false)
        guard !items.contains("") else {
            throw problem("\(text.quoted) has an empty item in its list: take the comma away")
        }
        var value = CrontabFieldValue()
        for item in items {
            switch item {
            case "L", "l":
                guard field == .day else { throw problem("L stands for the last day of the month, in field day only") }
                value.hasLastDay = true
            case "?":
                guard field.isOfDays else {
                    throw problem("\"?\" stands for any day, in the fields of days only: write *")
                }
                guard items.count == 1 else { throw problem("\"?\" stands alone, not in a list: \(text.quoted)") }
                value = .all(field)
            default:
                value.numbers.formUnion(try numbers(of: item))
                value.isOpen = items.count == 1 && item.hasPrefix("*")
            }
        }
        return value
    }

    /// What `*`, `*/15`, `3`, `3/15`, `3-5` or `3-50/15` stands for.
    private func numbers(of item: Substring) throws(RecurrenceError) -> NumberSet {
        let parts = item.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { throw problem("\(item.quoted) has two steps: write one, as in */15") }
        let step = parts.count == 2 ? try step(parts[1], of: item) : nil
        let base = parts[0]
        let range: ClosedRange<Int>
        if base == "*" {
            range = field.all
        } else if base.contains("-") {
            range = try self.range(base)
        } else {
            let start = try single(base, of: item)
            // A single number with a step goes on to the field's end, as where seconds come first it is often written.
            range = start...(step == nil ? start : max(start, field.all.upperBound))
        }
        var numbers = NumberSet(stride(from: range.lowerBound, through: range.upperBound, by: step ?? 1))
        if field == .weekday, numbers.contains(7) {
            numbers.remove(7)
            numbers.insert(0)
        }
        return numbers
    }

    private func range(_ text: Substring) throws(RecurrenceError) -> ClosedRange<Int> {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, ends[0] != "", ends[1] != "" else {
            throw problem("\(text.quoted) is no range: write two of \(field.allowed.written) with a hyphen between")
        }
        var start = try single(ends[0], of: text)
        var end = try single(ends[1], of: text)
        if field == .weekday {
            // Sunday begins a range, or ends it.
            if start == 7, end < 7 { start = 0 }
            if end == 0, start > 0 { end = 7 }
        }
        guard start <= end else {
            let (first, last) = (field.all.lowerBound, field.all.upperBound)
            let mend = [(start, last), (first, end)].map { $0 == $1 ? "\($0)" : "\($0)-\($1)" }
            throw problem("the range \(text.quoted) runs backwards: write \(mend.joined(separator: ","))")
        }
        return start...end
    }

    private func single(_ text: Substring, of item: Substring) throws(RecurrenceError) -> Int {
        if let index = field.names.firstIndex(of: text.lowercased()) { return field.all.lowerBound + index }
        guard let number = try decimal(text, advice: field.advice) else {
            throw problem("\(item.quoted) is not understood: \(field.advice)")
        }
        guard field.allowed.contains(number) else {
            throw problem("\(number) is not within \(field.allowed.written)")
        }
        return number
    }

    private func step(_ text: Substring, of item: Substring) throws(RecurrenceError) -> Int {
        let advice = "write a step of \(field.steps.written)"
        guard let step = try decimal(text, advice: advice) else {
            throw problem("\(item.quoted) has no number as its step: \(advice)")
        }
        guard step > 0 else { throw problem("\(item.quoted) has a step of 0 and never moves on: \(advice)") }
        guard step <= field.steps.upperBound else {
            throw problem("\(item.quoted) has a step that leaves the field at once: \(advice), or no step")
        }
        return step
    }

    /// nil where the text is no number at all.
    private func decimal(_ text: Substring, advice: String) throws(RecurrenceError) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        guard text.utf8.count <= 4, let number = Int(text) else {
            throw problem("\(text.quoted) is too long for a number here: \(advice)")
        }
        return number
    }

    private func problem(_ what: String) -> RecurrenceError {
        RecurrenceError(.invalidField, "field \(number) (\(field.name)): \(what)", field: number)
    }
}
