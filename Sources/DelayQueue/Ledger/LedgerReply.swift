/// What the ledger says to a request.
package enum LedgerReply: Sendable, Hashable {
    /// The job is the owner's to run until the lease ends.
    ///
    /// - Parameters:
    ///   - attempt: numbers the grants of the job from 1: a fencing token. Starts again where a record was lost.
    ///   - failures: how often the job failed before, by an error or by a lease that ran out.
    case granted(attempt: Int, failures: Int)

    /// Somebody has the claim, for so long unless it is renewed; zero where that time is over and nobody asked since.
    case held(for: Duration)

    /// The job failed and may be claimed in so long; zero where it may be now.
    case waiting(for: Duration)

    /// The job will not run.
    case finished(Finish)

    /// The job is dead and this is its buried copy, not kicked since: bury it again.
    case buryAgain

    /// The job is dead and this is its buried copy: ask the node how often it was kicked, and claim again with that.
    case needsKicks

    /// The claim lasts a lease from now.
    case renewed

    /// The job was settled as asked, now or by the same request before.
    case settled

    /// The owner has no claim any more; nothing was changed.
    case lost

    /// The job will not run.
    case revoked

    /// The job is being run; it was not revoked.
    case running

    /// The job ran to its end before; it was not revoked.
    case alreadyDone

    /// The deleted copies were noted, or cannot be counted.
    case forgotten

    /// There is no record.
    case absent

    /// Why a job will not run.
    package enum Finish: String, Sendable, Hashable, CustomStringConvertible {
        /// It ran to its end.
        case done
        case revoked
        /// It was given up, and one copy buried.
        case dead

        package var description: String { rawValue }
    }
}

extension LedgerReply: CustomStringConvertible {
    /// One line, as the ledger's scripts answer; durations in microseconds.
    package var description: String {
        switch self {
        case .granted(let attempt, let failures): "granted \(attempt) \(failures)"
        case .held(let duration): "held \(duration.microsecondsRoundedUp)"
        case .waiting(let duration): "waiting \(duration.microsecondsRoundedUp)"
        case .finished(let finish): "finished \(finish)"
        case .buryAgain: "buryAgain"
        case .needsKicks: "needsKicks"
        case .renewed: "renewed"
        case .settled: "settled"
        case .lost: "lost"
        case .revoked: "revoked"
        case .running: "running"
        case .alreadyDone: "alreadyDone"
        case .forgotten: "forgotten"
        case .absent: "absent"
        }
    }

    /// Reads what `description` writes.
    package init?(parsing text: String) {
        var text = text
        guard let reply = text.withUTF8({ Self.parse(UnsafeRawBufferPointer($0)) }) else { return nil }
        self = reply
    }

    /// Reads what `description` writes, strictly, and without a string: this is done for every request.
    static func parse(_ bytes: UnsafeRawBufferPointer) -> LedgerReply? {
        var fields = RecordFields(bytes)
        guard let word = fields.next() else { return nil }
        let reply: LedgerReply?
        switch word.count {
        case 4:
            reply =
                word.isText("lost")
                ? .lost : word.isText("held") ? fields.number().map { .held(for: .microseconds($0)) } : nil
        case 6: reply = word.isText("absent") ? .absent : nil
        case 7:
            if word.isText("settled") {
                reply = .settled
            } else if word.isText("granted") {
                guard let attempt = fields.number(), let failures = fields.number() else { return nil }
                reply = .granted(attempt: Int(attempt), failures: Int(failures))
            } else if word.isText("waiting") {
                reply = fields.number().map { .waiting(for: .microseconds($0)) }
            } else if word.isText("renewed") {
                reply = .renewed
            } else if word.isText("revoked") {
                reply = .revoked
            } else {
                reply = word.isText("running") ? .running : nil
            }
        case 8:
            reply =
                word.isText("finished")
                ? fields.next().flatMap { Finish(rawValue: String(decoding: $0, as: UTF8.self)) }.map { .finished($0) }
                : nil
        case 9:
            reply = word.isText("forgotten") ? .forgotten : word.isText("buryAgain") ? .buryAgain : nil
        case 10: reply = word.isText("needsKicks") ? .needsKicks : nil
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
}
