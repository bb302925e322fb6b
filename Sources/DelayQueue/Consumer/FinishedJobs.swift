import DequeModule

/// Jobs that will not run again, and whose copies this consumer deletes.
///
/// A job is remembered here for a while after its copies are gone: its other copies are reserved soon after, on other
/// nodes, and are then deleted without another word from the ledger, which learns of all of them at once.
struct FinishedJobs {
    struct Entry: Equatable {
        let key: LedgerKey
        /// How many copies the job has; 0 where that is unknown.
        let copies: Int
        /// Copies whose node confirmed the delete.
        var deleted = CopySet()
        /// Deletes without an answer.
        var pending: Int
        /// It is not waited for any longer.
        var isExpired = false
    }

    /// More are not remembered: each takes about 300 bytes. A node may fall this far behind the others before the ledger
    /// is asked about its copies.
    static let limit = 32_768

    private var entries: [HeldJobID: Entry] = [:]
    private var order: Deque<(id: HeldJobID, until: Uptime)> = []

    var isEmpty: Bool { entries.isEmpty }

    /// - Parameter deletes: how many copies are being deleted now.
    mutating func insert(_ id: HeldJobID, key: LedgerKey, copies: Int, deletes: Int, until: Uptime) {
        entries[id] = Entry(key: key, copies: copies, pending: deletes)
        order.append((id, until))
    }

    /// One more copy is being deleted.
    ///
    /// - Returns: false where the job is not known.
    mutating func addDelete(_ id: HeldJobID) -> Bool {
        guard entries[id] != nil else { return false }
        entries[id]?.pending += 1
        return true
    }

    /// A node's answer to a delete, or that there will be none.
    ///
    /// - Returns: what is known of the job, where nothing more is to come.
    mutating func answered(_ id: HeldJobID, index: Int?, isDeleted: Bool) -> Entry? {
        guard var entry = entries[id] else { return nil }
        entry.pending -= 1
        // Only a confirmed delete counts: a copy that was not found may be another consumer's by now.
        if isDeleted, let index { entry.deleted.insert(index) }
        guard entry.pending == 0, entry.isExpired || entry.deleted.coversAll(of: entry.copies) else {
            entries[id] = entry
            return nil
        }
        entries[id] = nil
        while let first = order.first, entries[first.id] == nil { order.removeFirst() }
        return entry
    }

    /// Ends the wait for further copies.
    ///
    /// - Parameter now: nil ends it for all.
    /// - Returns: the jobs of which nothing more is to come.
    mutating func expire(now: Uptime?) -> [(id: HeldJobID, entry: Entry)] {
        var ended: [(id: HeldJobID, entry: Entry)] = []
        while let first = order.first, entries.count > Self.limit || now.map({ first.until <= $0 }) ?? true {
            order.removeFirst()
            guard var entry = entries[first.id] else { continue }
            if entry.pending == 0 {
                entries[first.id] = nil
                ended.append((first.id, entry))
            } else {
                entry.isExpired = true
                entries[first.id] = entry
            }
        }
        return ended
    }
}
