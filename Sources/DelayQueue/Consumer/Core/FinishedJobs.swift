import DequeModule

/// Jobs that will not run again, and whose copies this consumer deletes.
///
/// A job is remembered here for a while after its copies are gone: its other copies are reserved soon after, on other
/// nodes, and are then deleted without another word from the ledger, which learns of all of them at once.
struct FinishedJobs {
    struct Entry {
        // Not the record itself: it holds the job's body.
        let name: JobName
        let key: LedgerKey
        /// How many copies the job has; 0 where that is unknown.
        let copies: Int
        /// Copies whose node confirmed the delete.
        var deleted = CopySet()
        /// Those the ledger was told of.
        var told = CopySet()
        /// Deletes without an answer.
        var pending: Int
        /// Further copies of it are not waited for any longer.
        var isExpired = false

        /// - Returns: whether nothing more is to come.
        fileprivate mutating func answered(index: Int?, isDeleted: Bool) -> Bool {
            pending -= 1
            // Only a confirmed delete counts: a copy that was not found may be another consumer's by now.
            if isDeleted, let index { deleted.insert(index) }
            return pending == 0 && (isExpired || deleted.coversAll(of: copies))
        }
    }

    /// The most jobs that are remembered, as each takes about 300 bytes. A node may fall this many jobs behind the
    /// others before the ledger is asked about its copies.
    static let limit = 32_768

    private var entries: [HeldJobID: Entry] = [:]
    private var order: Deque<(id: HeldJobID, until: Uptime)> = []

    var isEmpty: Bool { entries.isEmpty }

    /// - Parameter deletes: how many copies are being deleted now.
    mutating func insert(_ id: HeldJobID, _ record: JobContents, deletes: Int, until: Uptime) {
        entries[id] = Entry(name: record.name, key: record.key, copies: record.copies, pending: deletes)
        order.append((id, until))
    }

    /// One more copy is being deleted.
    ///
    /// - Returns: false where the job is not known.
    mutating func addDelete(_ id: HeldJobID) -> Bool {
        guard let index = entries.index(forKey: id) else { return false }
        entries.values[index].pending += 1
        return true
    }

    /// A node's answer to a delete, or that there will be none.
    ///
    /// - Returns: what is known of the job, where nothing more is to come.
    mutating func answered(_ id: HeldJobID, index: Int?, isDeleted: Bool) -> Entry? {
        guard let place = entries.index(forKey: id), entries.values[place].answered(index: index, isDeleted: isDeleted)
        else { return nil }
        let entry = entries.remove(at: place).value
        while let first = order.first, entries[first.id] == nil { order.removeFirst() }
        return entry
    }

    /// What there is to tell the ledger of a job of which more may come; told once.
    mutating func takeUntold(_ id: HeldJobID) -> Entry? {
        guard let place = entries.index(forKey: id), entries.values[place].pending == 0,
            entries.values[place].deleted != entries.values[place].told
        else { return nil }
        defer { entries.values[place].told = entries.values[place].deleted }
        return entries.values[place]
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
