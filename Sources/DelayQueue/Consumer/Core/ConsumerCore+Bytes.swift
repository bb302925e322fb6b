import Beanstalk

// Demand is in jobs, memory in bytes. So a node is asked for no more jobs than are likely to fit, by the size of those it
// brought last; what comes beyond that is not read, and goes back at once. Each node has a share of the bytes that are held,
// so that whatever one sends is no reason for the others' jobs to wait.
extension ConsumerCore {
    /// How many bytes of a node's records are held.
    package func heldBytes(of node: Int) -> Int { jobs.heldBytes[node] }

    /// How many bytes of a node's records are held, and what its two links may bring beyond that: each is asked for a record
    /// while there is any room.
    package var shareOfNode: Int { max(1, settings.maximumHeldBytes / settings.nodes.count) }

    package var excessOfNode: Int { max(settings.maximumRecordSize * 2, settings.batchBytes) }

    func room(on link: Int) -> Int { max(0, shareOfNode - jobs.heldBytes[node(of: link)]) }

    /// How many bytes of records the next batch may bring: one record always.
    func allowance(of link: Int) -> Int {
        max(settings.maximumRecordSize, min(room(on: link), settings.batchBytes))
    }

    /// How many records are likely to be within the allowance.
    func likelyRecords(on link: Int) -> Int {
        let room = room(on: link)
        if room < settings.maximumRecordSize { return min(room, 1) }
        return max(1, allowance(of: link) / max(1, links[link].recordSize))
    }

    /// All that waits to be sent, but no more than what brings as much as one batch may.
    mutating func takeCalls(for link: Int) -> [NodeCall] {
        let calls = links[link].calls
        links[link].calls = []
        // What is fetched may be large, and all of a batch must come in time.
        var all = isMain(link) ? calls.count : Link.fullBatch
        var texts = Link.fullBatch
        var records = max(1, likelyRecords(on: link))
        for (index, call) in calls.enumerated() {
            all -= 1
            if call.bringsText { texts -= 1 }
            if call.bringsRecord { records -= 1 }
            guard all < 0 || texts < 0 || records < 0 else { continue }
            links[link].calls = Array(calls[index...])
            return Array(calls[..<index])
        }
        return calls
    }

    /// A job has come: is that the last one for which there is room?
    mutating func noteRoom(on link: Int) {
        let node = node(of: link)
        guard !links[node].isFullTold, room(on: link) == 0 else { return }
        links[node].isFullTold = true
        effects.append(.warning(.shareIsFull, nil, node: node, nil))
    }

    /// A reserved record was not read. To give it back or to bury it takes its priority, which its node knows.
    mutating func takeUnread(_ id: BeanstalkJobID, size: Int, link: Int) {
        links[link].aside[id] = size > settings.maximumRecordSize ? .oversized(size) : .noRoom
        send(.inspectAside(id), to: link, for: nil)
    }
}

extension Link {
    /// Why a reserved copy is neither held nor known as a job.
    enum Aside: Equatable {
        /// Nothing proves it to be a producer's.
        case unverified(SealProblem)
        /// Nobody here wrote it.
        case foreign
        /// So many bytes are not read.
        case oversized(Int)
        /// It came beyond what was allowed, and goes back.
        case noRoom
    }
}
