/// A value that was written as a job's record in the ledger, or as that of one edition of an id.
struct LedgerEntry: Hashable, Codable {
    enum State: Hashable, Codable {
        /// - Parameter alone: whether the job is to run alone in its process.
        case claimed(owner: String, attempt: Int, failures: Int, alone: Bool = false, leaseEnd: Instant)
        /// - Parameter endedLeases: how often a lease of the job had ended.
        case waiting(attempt: Int, failures: Int, endedLeases: Int = 0)
        case done
        case revoked
        case dead
        /// Of editions: announced, and not yet or never the id's.
        case intended
        /// It is the id's.
        case scheduled
        /// Another one took its place, or its caller was refused.
        case withdrawn
        case unreadable(String)
    }

    var id: String
    /// Nil where the id was generated.
    var edition: Edition?
    var state: State
}

/// One writing of a job under an id that was chosen for it.
struct Edition: Hashable, Codable {
    var name: String
    var fireDate: Instant
}

extension LedgerEntry.State {
    /// Reads a record by the format's description, and not with the code that is under test.
    init(record: String) {
        let words = record.split(separator: " ")
        switch record {
        case "scheduled": self = .scheduled
        case "1 withdrawn": self = .withdrawn
        case _ where words.count == 2 && words[0] == "intended" && Int64(words[1]) != nil: self = .intended
        default: self = Self.ofJob(record, words)
        }
    }

    private static func ofJob(_ record: String, _ words: [Substring]) -> LedgerEntry.State {
        guard words.count >= 4, words[0] == "1" else {
            return .unreadable(record)
        }
        switch (words[1], words.count) {
        case ("claimed", 6), ("alone", 6):
            guard let attempt = Int(words[3]), let (failures, _) = Self.failures(words[4]), let end = Int64(words[5])
            else { break }
            return .claimed(
                owner: String(words[2]), attempt: attempt, failures: failures, alone: words[1] == "alone",
                leaseEnd: Instant(microseconds: end))
        case ("waiting", 6):
            guard let attempt = Int(words[3]), let (failures, ended) = Self.failures(words[4]) else { break }
            return .waiting(attempt: attempt, failures: failures, endedLeases: ended)
        case ("done", 4):
            return .done
        case ("revoked", 4):
            return .revoked
        case ("dead", 10):
            return .dead
        default:
            break
        }
        return .unreadable(record)
    }

    /// Errors, and behind a slash ended leases, if there were any.
    private static func failures(_ word: Substring) -> (errors: Int, endedLeases: Int)? {
        let counts = word.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard counts.count == 1 || counts.count == 3, let errors = counts[0] else { return nil }
        guard counts.count == 3 else { return (errors, 0) }
        return counts[1].map { (errors, $0) }
    }
}
