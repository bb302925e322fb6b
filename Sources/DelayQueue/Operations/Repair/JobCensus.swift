package import Beanstalk

/// Which copies of which jobs a look through the nodes has found, and so which are missing.
///
/// Of a job of which nothing is missing only a number is kept, so that a look through millions takes little memory.
package struct JobCensus: Sendable {
    /// One copy that was seen.
    package struct Copy: Hashable, Sendable {
        /// The place of its node in the list of all.
        package let node: Int
        package let id: BeanstalkJobID
        /// Nil in records that do not number their copies.
        package let index: Int?
        package let role: CopyRole

        package init(node: Int, id: BeanstalkJobID, index: Int?, role: CopyRole) {
            self.node = node
            self.id = id
            self.index = index
            self.role = role
        }
    }

    /// A job of which something may be missing.
    package struct Entry: Sendable {
        package let key: LedgerKey
        package let fireTime: Timestamp
        /// How many copies its producer planned; 0 where that is not known.
        package let copies: Int
        package fileprivate(set) var found: [Copy]
    }

    /// Nodes whose copies count; copies on others may be read, and are to be elsewhere too.
    private let counted: Set<Int>
    /// How many copies a job is to have that does not tell.
    private let plannedCopies: Int
    private var entries: [LedgerKey: Entry] = [:]
    /// Jobs of which nothing is missing, by a hash of their keys.
    private var complete: Set<Int> = []
    /// Copies by the node they are on.
    package private(set) var copies: [Int]
    /// Jobs of which a copy was found.
    package var jobs: Int { entries.count + complete.count }

    /// - Parameters:
    ///   - nodes: how many there are.
    ///   - excluded: nodes that are to be taken away, or are gone: what is on them counts as missing.
    package init(nodes: Int, excluding excluded: Set<Int> = [], plannedCopies: Int) {
        counted = Set(0..<nodes).subtracting(excluded)
        copies = Array(repeating: 0, count: nodes)
        self.plannedCopies = plannedCopies
    }

    /// Takes in a copy of a job of the queue.
    ///
    /// - Parameter isNewcomer: its job is not to be added where it is not known: it is being written, perhaps.
    /// - Returns: false for what is no job's copy.
    @discardableResult
    package mutating func add(
        _ record: JobRecord, _ id: BeanstalkJobID, on node: Int, queue: TubeName, isNewcomer: Bool = false
    ) -> Bool {
        guard let summary = record.summary else { return false }
        let key = summary.name.ledgerKey(queue: queue)
        copies[node] += 1
        guard !complete.contains(key.hashValue) else { return true }
        let copy = Copy(node: node, id: id, index: summary.index, role: summary.role.withoutNames)
        if var entry = entries[key] {
            entry.found.append(copy)
            entries[key] = entry
        } else if !isNewcomer {
            entries[key] = Entry(key: key, fireTime: summary.fireTime, copies: record.copies, found: [copy])
        }
        if let entry = entries[key], missing(of: entry) == 0 {
            entries[key] = nil
            complete.insert(key.hashValue)
        }
        return true
    }

    /// How many copies of a job are missing.
    package func missing(of entry: Entry) -> Int {
        let planned = min(entry.copies == 0 ? plannedCopies : entry.copies, counted.count)
        return max(0, planned - Set(entry.found.lazy.map(\.node)).intersection(counted).count)
    }

    /// The jobs of which something is missing, by their dates.
    package var incomplete: [Entry] {
        entries.values.sorted { ($0.fireTime, $0.key.description) < ($1.fireTime, $1.key.description) }
    }

    /// What is to be written so that nothing is missing of a job.
    ///
    /// - Parameter targets: the nodes that may be written to.
    /// - Returns: an addition for each missing copy for which there is a node, and an index.
    package func additions(to entry: Entry, on targets: Set<Int>) -> [CopyAddition] {
        let free = targets.intersection(counted).subtracting(entry.found.lazy.map(\.node)).sorted()
        // A planned copy, where there is one: while it lies there, the job's record can not have ended with its copies.
        guard !free.isEmpty,
            let source = entry.found.first(where: { entry.isPlanned($0) && counted.contains($0.node) })
                ?? entry.found.first(where: { entry.isPlanned($0) }) ?? entry.found.first
        else { return [] }
        let isCounted = entry.found.contains { $0.index != nil }
        let known = Set(entry.found.compactMap(\.index))
        // Never one of those that were planned: their deletes are counted, and a copy that is out of reach may come back.
        let indexes = (entry.copies..<CopySet.maximumCount).lazy.filter { !known.contains($0) }
        // Not the same node first for all jobs.
        let first = Int(UInt(bitPattern: entry.key.hashValue) % UInt(free.count))
        return (0..<min(missing(of: entry), free.count)).compactMap { number in
            guard let index = isCounted ? indexes.dropFirst(number).first.map(Optional.some) : .some(nil) else {
                return nil
            }
            return CopyAddition(
                key: entry.key, fireTime: entry.fireTime, copies: entry.copies, source: source,
                hasPlannedSource: entry.isPlanned(source),
                target: free[(first + number) % free.count], index: index,
                role: entry.role(ofAdded: number))
        }
    }
}

extension JobCensus.Entry {
    fileprivate func isPlanned(_ copy: JobCensus.Copy) -> Bool {
        copies == 0 || copy.index.map { $0 < copies } ?? true
    }

    /// What an added copy is to be among those that were found: the first one is ready at the date where no other is.
    fileprivate func role(ofAdded number: Int) -> CopyRole {
        let roles = found.map(\.role)
        for case .lead(let server, _) in roles { return .standby(leadOn: server) }
        guard roles.contains(where: \.isStandby) else { return .alone }
        return number == 0 && !roles.contains(.alone) ? .alone : .standby(leadOn: nil)
    }
}

extension CopyRole {
    fileprivate var withoutNames: CopyRole {
        if case .lead(let server, _) = self { .lead(on: server, naming: []) } else { self }
    }
}
