// 1 claimed <owner> <attempt> <failures> <leaseEndMicros>, or "alone" for "claimed"
// 1 waiting <owner> <attempt> <failures> <notBeforeMicros>
// 1 done <owner> <deleted>
// 1 revoked <fireMicros> <deleted>
// 1 dead <owner> <attempt> <failures> <diedMicros> <queue or -> <consumer> <reason> <copies or ->
// 1 withdrawn
extension LedgerRecord {
    private static let version = "1"

    /// What the text of a dead job's record begins with.
    static let startOfDead = "1 dead "

    /// Counts are at most this, so that a script writes them out without an exponent.
    static let largestCount = 1_000_000_000

    /// What a go-queue consumer's lock amounts to: the job ran, settled by nobody here. Never written.
    package static let lockOfGoQueue = LedgerRecord.done(.nobody, deleted: [])

    /// The value of the record's key: one line.
    package var text: String {
        switch self {
        case .claimed(let owner, let attempt, let failures, let leaseEnd, let isAlone):
            "\(Self.version) \(isAlone ? "alone" : "claimed") \(owner) \(attempt) \(failures) \(leaseEnd.microseconds)"
        case .waiting(let owner, let attempt, let failures, let notBefore):
            "\(Self.version) waiting \(owner) \(attempt) \(failures) \(notBefore.microseconds)"
        case .done(let owner, let deleted):
            "\(Self.version) done \(owner) \(deleted)"
        case .revoked(let fireTime, let deleted):
            "\(Self.version) revoked \(fireTime.microseconds) \(deleted)"
        case .dead(let owner, let attempt, let failures, let time, let report):
            ([Self.version, "dead", "\(owner)", "\(attempt)", "\(failures)", "\(time.microseconds)"] + report.words)
                .joined(separator: " ")
        case .withdrawn: "\(Self.version) withdrawn"
        }
    }

    /// Reads the value of a key.
    ///
    /// Under a key shared with go-queue, a value that is no versioned record is a go-queue consumer's lock.
    ///
    /// - Throws: `ledgerRecordUnreadable`.
    package init(parsing text: String, key: LedgerKey) throws(DelayQueueError) {
        if let record = Self.parse(text) {
            self = record
        } else if key.isSharedWithGoQueue, !Self.isVersioned(text) {
            self = .lockOfGoQueue
        } else {
            throw .unreadableRecord(key)
        }
    }

    private static func isVersioned(_ text: String) -> Bool {
        let digits = text.utf8.prefix { $0.isDigit }
        return !digits.isEmpty && text.utf8.dropFirst(digits.count).first == UInt8(ascii: " ")
    }

    static func parse(_ text: String) -> LedgerRecord? {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count >= 2, words[0] == version else { return nil }
        let fields = words[2...].map(String.init)
        switch (words[1], fields.count) {
        case ("withdrawn", 0): return .withdrawn
        case ("claimed", 4), ("alone", 4), ("waiting", 4):
            guard let owner = try? ClaimOwner(fields[0]), let attempt = count(fields[1]),
                let failures = failures(fields[2]), let time = time(fields[3])
            else { return nil }
            return words[1] == "waiting"
                ? .waiting(owner, attempt: attempt, failures: failures, notBefore: time)
                : .claimed(
                    owner, attempt: attempt, failures: failures, leaseEnd: time, isAlone: words[1] == "alone")
        case ("done", 2):
            guard let owner = try? ClaimOwner(fields[0]), let deleted = CopySet(parsing: fields[1]) else { return nil }
            return .done(owner, deleted: deleted)
        case ("revoked", 2):
            guard let fireTime = time(fields[0]), let deleted = CopySet(parsing: fields[1]) else { return nil }
            return .revoked(fireTime: fireTime, deleted: deleted)
        case ("dead", 8):
            guard let owner = try? ClaimOwner(fields[0]), let attempt = count(fields[1]),
                let failures = failures(fields[2]), let time = time(fields[3]),
                let report = DeathReport(parsing: fields[4...])
            else { return nil }
            return .dead(owner, attempt: attempt, failures: failures, at: time, report)
        default:
            return nil
        }
    }

    private static func count(_ text: String) -> Int? {
        guard let number = Int(decimal: text.utf8), number <= largestCount else { return nil }
        return number
    }

    private static func failures(_ text: String) -> JobFailures? {
        var text = text
        return text.withUTF8 { JobFailures(parsing: UnsafeRawBufferPointer($0)) }
    }

    static func time(_ text: some StringProtocol) -> Timestamp? {
        guard let microseconds = Int64(decimal: text.utf8), microseconds <= Timestamp.latest.microseconds else {
            return nil
        }
        return Timestamp(microseconds: microseconds)
    }
}

extension DelayQueueError {
    /// The message names the key and not the value, which may be anybody's.
    static func unreadableRecord(_ key: LedgerKey) -> DelayQueueError {
        DelayQueueError(
            .ledgerRecordUnreadable,
            "the value of key \(key.description.debugDescription) is no record this version can read: upgrade if a "
                + "newer version wrote it, or remove it once the job is known to be done")
    }
}
