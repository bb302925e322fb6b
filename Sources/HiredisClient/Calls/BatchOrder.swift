import NIOCore

/// The batches of a connection, in the order in which they were written.
///
/// A call whose script the server did not know has not run, and may be made again unless that turns the order of the
/// calls of its key around: another client may have loaded the script before a later call of it came by.
struct BatchOrder {
    private struct Entry {
        let batch: RedisBatch
        /// The wait that the batch belongs to, and its name for the connection.
        let wait: UInt64
        var request: UInt64?
        var isOver = false
    }

    /// In their order; those before `first` are dropped, but removing each at once would make a long line slow.
    private var entries: [Entry] = []
    private var first = 0
    /// The place of the entry at index 0.
    private var base = 0

    /// Whether nothing is under way.
    var isEmpty: Bool { first == entries.count }

    /// - Returns: its place in the order.
    mutating func append(_ batch: RedisBatch, for wait: UInt64) -> Int {
        entries.append(Entry(batch: batch, wait: wait))
        return base + entries.count - 1
    }

    /// Names the request that a batch is for its connection, if it is not over yet.
    mutating func name(_ place: Int, request: UInt64) {
        guard place - base >= first, place < base + entries.count else { return }
        entries[place - base].request = request
    }

    /// The request of a wait that is under way.
    func request(of wait: UInt64) -> UInt64? {
        entries[first...].last { $0.wait == wait && !$0.isOver }?.request
    }

    /// Nothing of a batch will be made again, though it may still run. It keeps its place while one before it is under
    /// way.
    mutating func end(_ place: Int) {
        entries[place - base].isOver = true
        while first < entries.count, entries[first].isOver { first += 1 }
        if first == entries.count || first > 32 && first * 2 > entries.count {
            entries.removeFirst(first)
            base += first
            first = 0
        }
    }

    /// Which of a batch's calls may be made again behind everything that was written so far.
    ///
    /// - Parameter missing: the places of the calls that have certainly not run, in their order.
    /// - Returns: those without a later call of their key that may have run, or may still.
    func repeatable(_ missing: [Int], of place: Int) -> [Int] {
        guard let earliest = missing.first else { return [] }
        var later: Set<ByteBuffer> = []
        for entry in entries[(place - base + 1)...] {
            for index in entry.batch.calls.indices {
                if let key = entry.batch.key(at: index) { later.insert(key) }
            }
        }
        let batch = entries[place - base].batch
        let missing = Set(missing)
        var repeatable: [Int] = []
        for index in (earliest..<batch.count).reversed() {
            guard let key = batch.key(at: index) else { continue }
            if !missing.contains(index) {
                later.insert(key)
            } else if !later.contains(key) {
                repeatable.append(index)
            }
        }
        return repeatable.reversed()
    }
}
