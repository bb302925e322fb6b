/// A value that was written as a job's record in the ledger.
struct LedgerEntry: Hashable, Codable {
    enum State: Hashable, Codable {
        /// - Parameter alone: whether the job is to run alone in its process.
        case claimed(owner: String, attempt: Int, failures: Int, alone: Bool = false, leaseEnd: Instant)
        /// - Parameter endedLeases: how often a lease of the job had ended.
        case waiting(attempt: Int, failures: Int, endedLeases: Int = 0)
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
        case ("claimed", 6), ("alone", 6):
            guard let attempt = Int(words[3]), let (failures, _) = Self.failures(words[4]), let end = Int64(words[5])
            else { break }
            self = .claimed(
                owner: String(words[2]), attempt: attempt, failures: failures, alone: words[1] == "alone",
                leaseEnd: Instant(microseconds: end))
            return
        case ("waiting", 6):
            guard let attempt = Int(words[3]), let (failures, ended) = Self.failures(words[4]) else { break }
            self = .waiting(attempt: attempt, failures: failures, endedLeases: ended)
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

    /// Errors, and behind a slash ended leases, if there were any.
    private static func failures(_ word: Substring) -> (errors: Int, endedLeases: Int)? {
        let counts = word.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard counts.count == 1 || counts.count == 3, let errors = counts[0] else { return nil }
        guard counts.count == 3 else { return (errors, 0) }
        return counts[1].map { (errors, $0) }
    }
}
