extension LedgerReply {
    /// Reads what `description` writes.
    package init?(parsing text: String) {
        var text = text
        guard let reply = text.withUTF8({ Self.parse(UnsafeRawBufferPointer($0)) }) else { return nil }
        self = reply
    }

    /// Reads what `description` writes, strictly, and without a string: this is done for every request.
    ///
    /// With strings a stream job takes 18 % more instructions (`./dev bench --check`).
    static func parse(_ bytes: UnsafeRawBufferPointer) -> LedgerReply? {
        var fields = RecordFields(bytes)
        guard let word = fields.next() else { return nil }
        let reply: LedgerReply?
        switch word.count {
        case 4:
            if word.isText("lost") {
                reply = .lost
            } else if word.isText("held") {
                reply = fields.number().map { .held(for: .microseconds($0)) }
            } else if word.isText("same") {
                guard let edition = fields.next().flatMap({ JobEdition(digits: $0) }), let date = fields.time() else {
                    return nil
                }
                reply = .same(edition, date)
            } else if word.isText("full") {
                reply = .full
            } else {
                reply = word.isText("time") ? fields.time().map { .time($0) } : nil
            }
        case 5:
            if word.isText("ended") {
                guard let attempt = fields.number(), let failures = fields.failures() else { return nil }
                reply = .ended(attempt: Int(attempt), failures: failures)
            } else {
                reply =
                    word.isText("noted")
                    ? .noted
                    : word.isText("early")
                        ? fields.number().map { .early(for: .microseconds($0)) }
                        : word.isText("taken") ? fields.time().map { .taken(until: $0) } : nil
            }
        case 6: reply = word.isText("absent") ? .absent : word.isText("paused") ? .paused : nil
        case 7:
            if word.isText("settled") {
                reply = .settled
            } else if word.isText("granted") {
                guard let attempt = fields.number(), let failures = fields.failures() else { return nil }
                reply = .granted(attempt: Int(attempt), failures: failures)
            } else if word.isText("suspect") {
                reply = fields.failures().map { .suspect($0) }
            } else if word.isText("waiting") {
                reply = fields.number().map { .waiting(for: .microseconds($0)) }
            } else if word.isText("renewed") {
                reply = .renewed
            } else if word.isText("revoked") {
                reply = .revoked
            } else if word.isText("resumed") {
                reply = .resumed
            } else {
                reply = word.isText("running") ? .running : nil
            }
        case 8:
            reply =
                word.isText("finished")
                ? fields.next().flatMap { Finish(rawValue: String(decoding: $0, as: UTF8.self)) }.map { .finished($0) }
                : word.isText("replayed") ? .replayed : word.isText("intended") ? .intended : nil
        case 9 where word.isText("checkedIn"):
            guard let time = fields.time(), let end = fields.next() else { return nil }
            if end.isText("-") {
                reply = .checkedIn(at: time, pausedUntil: nil)
            } else {
                guard let end = Int64(decimal: end), end <= Timestamp.latest.microseconds else { return nil }
                reply = .checkedIn(at: time, pausedUntil: Timestamp(microseconds: end))
            }
        case 9:
            reply =
                word.isText("forgotten")
                ? .forgotten
                : word.isText("confirmed")
                    ? .confirmed
                    : word.isText("withdrawn")
                        ? .withdrawn : word.isText("scheduled") ? fields.time().map { .scheduled($0) } : nil
        case 10: reply = word.isText("checkedOut") ? .checkedOut : nil
        case 11: reply = word.isText("alreadyDone") ? .alreadyDone : nil
        default: reply = nil
        }
        return fields.isAtEnd ? reply : nil
    }
}

extension RecordFields {
    /// - Returns: the next field as a number; nil where it is none.
    fileprivate mutating func number() -> Int64? {
        next().flatMap { Int64(decimal: $0) }
    }

    /// - Returns: the next field as a time; nil for what no record can hold.
    fileprivate mutating func time() -> Timestamp? {
        number().map { Timestamp(microseconds: $0) }.flatMap { $0 <= .latest ? $0 : nil }
    }

    fileprivate mutating func failures() -> JobFailures? {
        next().flatMap { JobFailures(parsing: $0) }
    }
}
