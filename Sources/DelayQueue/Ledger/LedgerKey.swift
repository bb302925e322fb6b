package import Beanstalk

/// The name of a job in the ledger: the key of its record, and which edition is meant where the record has several.
package struct LedgerKey: Hashable, Sendable, CustomStringConvertible {
    private static let prefix = "dq:"

    /// The Redis key.
    package let description: String

    /// Nil for a job with a generated id, for copies that tell none, and for whichever edition is the id's at present.
    package var edition: JobEdition?

    /// The same key, whichever edition is the id's at present.
    package var ofAnyEdition: LedgerKey {
        var key = self
        key.edition = nil
        return key
    }

    /// A job of this library: `dq:<queue>:<id>`. A queue's name has no colon, so no two jobs share a key.
    package init(queue: TubeName, id: JobID, edition: JobEdition? = nil) {
        self.edition = edition
        description = "\(Self.prefix)\(queue.rawValue):\(id.description)"
    }

    /// Who may run a suspect of a queue: `dq:<queue>:`. No job has that key, as no id is empty.
    package init(suspectsOf queue: TubeName) {
        description = "\(Self.prefix)\(queue.rawValue):"
    }

    /// What is kept of a queue as a whole: `dq:<queue>: board`. No job has that key, as no id has a space; and whoever may
    /// use the keys of one queue only may use it.
    package init(boardOf queue: TubeName) {
        description = "\(Self.prefix)\(queue.rawValue): board"
    }

    /// A record of go-queue: the bare MD5, which is the key that library's consumers lock.
    package init(goQueue id: JobID) {
        description = id.description
    }

    /// Whether go-queue's consumers use the key too, so that a value that is no record of ours is their lock.
    var isSharedWithGoQueue: Bool { !description.hasPrefix(Self.prefix) }

    /// A key of a queue's, or one that go-queue's record may have; nil for any other text.
    init?(_ text: String, in queue: TubeName) {
        let start = "\(Self.prefix)\(queue.rawValue):"
        let isOwn = text.utf8.starts(with: start.utf8) && (try? JobID(String(text.dropFirst(start.count)))) != nil
        guard isOwn || Self.isMD5(text) else { return nil }
        description = text
    }

    /// The keys that a dead job of that id may have in a queue.
    static func all(of id: JobID, in queue: TubeName) -> [LedgerKey] {
        let own = LedgerKey(queue: queue, id: id)
        return isMD5(id.description) ? [own, LedgerKey(goQueue: id)] : [own]
    }

    private static func isMD5(_ text: String) -> Bool {
        text.utf8.count == 32
            && text.utf8.allSatisfy { $0.isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) }
    }

    /// The job's id: what follows the queue's name, which has no colon.
    package var jobID: JobID {
        guard description.hasPrefix(Self.prefix) else { return JobID(unchecked: description) }
        let rest = description.dropFirst(Self.prefix.count).drop { $0 != ":" }
        return JobID(unchecked: String(rest.dropFirst()))
    }
}
