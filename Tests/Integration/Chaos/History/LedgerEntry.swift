/// A value that was written as a job's record in the ledger.
struct LedgerEntry: Hashable, Codable {
    enum State: Hashable, Codable {
        case claimed(owner: String, attempt: Int, failures: Int, leaseEnd: Instant)
        case waiting(attempt: Int, failures: Int)
        case done
        case revoked
        case dead
        case unreadable(String)
    }

    var id: String
    var state: State
}

extension LedgerEntry.State {
    /// Reads a record by the format's description, and not with the code that is under test.
    init(record: String) {
        let words = record.split(separator: " ")
        guard words.count >= 4, words[0] == "1" else {
            self = .unreadable(record)
            return
        }
        switch (words[1], words.count) {
        case ("claimed", 6):
            guard let attempt = Int(words[3]), let failures = Int(words[4]), let end = Int64(words[5]) else { break }
            self = .claimed(
                owner: String(words[2]), attempt: attempt, failures: failures, leaseEnd: Instant(microseconds: end))
            return
        case ("waiting", 6):
            guard let attempt = Int(words[3]), let failures = Int(words[4]) else { break }
            self = .waiting(attempt: attempt, failures: failures)
            return
        case ("done", 4):
            self = .done
            return
        case ("revoked", 4):
            self = .revoked
            return
        case ("dead", 10):
            self = .dead
            return
        default:
            break
        }
        self = .unreadable(record)
    }
}
