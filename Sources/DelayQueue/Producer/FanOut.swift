package import Beanstalk

/// The decision over a batch of jobs written to several nodes: when it is over, and which jobs are accepted.
///
/// Inputs in, actions out. A job is accepted with `minimumWritten` stored copies. Once every job is accepted or can
/// no longer be, the nodes still awaited get a grace; nodes known to be slow are not waited for.
package struct FanOut {
    /// One copy of one job on its way to a node.
    package struct Put: Hashable, Sendable {
        package var job: Int
        package var copy: Int

        package init(job: Int, copy: Int) {
            self.job = job
            self.copy = copy
        }
    }

    /// What became of a put.
    package enum Answer: Hashable, Sendable {
        case stored(BeanstalkJobID)
        /// Certainly not stored; `isNodesFault` where another node may do better.
        case refused(isNodesFault: Bool)
        /// Stored or not, nobody can say.
        case unknown
    }

    package enum Action: Equatable {
        case send([Put], node: Int)
        case startGrace
        case finish
    }

    package struct Copy: Equatable {
        package var index: Int
        package var node: Int
        package var answer: Answer
    }

    private struct Job {
        /// By index.
        var copies: [Copy] = []
        var stored = 0
        var pending = 0
        /// Nodes whose copy another one took over.
        var refusedBy: [Int] = []
        var isWithdrawn = false

        mutating func add(_ copy: Copy) {
            if copies.isEmpty { copies.reserveCapacity(3) }
            copies.insert(copy, at: copies.firstIndex { $0.index > copy.index } ?? copies.endIndex)
        }
    }

    /// A copy of a job that was withdrawn before it was known to be stored.
    package struct UnwantedCopy: Equatable {
        package var put: Put
        package var node: Int
        package var id: BeanstalkJobID
    }

    private struct PendingNode {
        var puts: [Put]
        var isAwaited: Bool
    }

    private let minimumWritten: Int
    private let spares: [Int]
    private var jobs: [Job]
    private var pending = PerNode<PendingNode>()
    private var isGraceStarted = false
    private var isGraceOver = false
    /// Fixed when the batch is over: answers that still come are recorded, but change no decision.
    package private(set) var accepted: [Bool]?
    /// To be deleted once the batch is over.
    package private(set) var unwanted: [UnwantedCopy] = []

    /// - Parameter spares: nodes that may take over a copy another node certainly did not store, the first one first. A
    ///   job's own nodes may be among them; they take none of its copies over.
    package init(jobCount: Int, minimumWritten: Int, spares: [Int]) {
        self.minimumWritten = minimumWritten
        self.spares = spares
        self.jobs = Array(repeating: Job(), count: jobCount)
    }

    /// The puts are on their way to the node.
    package mutating func sent(_ puts: [Put], node: Int, isAwaited: Bool) {
        pending[node] = PendingNode(puts: puts, isAwaited: isAwaited)
        for put in puts {
            jobs[put.job].pending += 1
        }
    }

    /// The node's answers, one a put, in the order they were sent.
    package mutating func answered(node: Int, _ answers: [Answer]) -> [Action] {
        guard let entry = pending.removeValue(for: node) else { return [] }
        var replacements = PerNode<[Put]>()
        for (put, answer) in zip(entry.puts, answers) {
            jobs[put.job].pending -= 1
            if case .stored(let id) = answer {
                jobs[put.job].stored += 1
                if jobs[put.job].isWithdrawn { unwanted.append(UnwantedCopy(put: put, node: node, id: id)) }
            }
            // One index, one put: only a put that certainly wrote nothing gives its index to a spare.
            if case .refused(isNodesFault: true) = answer, accepted == nil, !jobs[put.job].isWithdrawn,
                let spare = spare(for: put.job)
            {
                replacements[spare, default: []].append(put)
                jobs[put.job].refusedBy.append(node)
                jobs[put.job].pending += 1
                continue
            }
            jobs[put.job].add(Copy(index: put.copy, node: node, answer: answer))
        }
        if replacements.isEmpty { return decide() }
        var actions: [Action] = []
        for (spare, puts) in replacements.sorted(by: { $0.node < $1.node }) {
            pending[spare] = PendingNode(puts: puts, isAwaited: true)
            actions.append(.send(puts, node: spare))
        }
        return actions + decide()
    }

    /// The job is wanted no more: it is not accepted, and what turns out to be stored of it is ``unwanted``.
    ///
    /// What is known to be stored already is for the caller to take back.
    package mutating func withdraw(_ job: Int) {
        guard accepted == nil else { return }
        jobs[job].isWithdrawn = true
    }

    package func isWithdrawn(_ job: Int) -> Bool { jobs[job].isWithdrawn }

    /// The time granted to stragglers has passed.
    package mutating func graceOver() -> [Action] {
        isGraceOver = true
        return decide()
    }

    /// A node that no put of the job went to, and that no batch is under way to.
    private func spare(for job: Int) -> Int? {
        spares.first { spare in
            pending[spare] == nil && !jobs[job].refusedBy.contains(spare)
                && !jobs[job].copies.contains { $0.node == spare }
        }
    }

    private mutating func decide() -> [Action] {
        guard accepted == nil else { return [] }
        let isOpen = jobs.contains {
            !$0.isWithdrawn && $0.stored < minimumWritten && $0.stored + $0.pending >= minimumWritten
        }
        if isOpen { return [] }
        if isGraceOver || !pending.contains(where: \.value.isAwaited) {
            accepted = jobs.map { $0.stored >= minimumWritten && !$0.isWithdrawn }
            return [.finish]
        }
        if isGraceStarted { return [] }
        isGraceStarted = true
        return [.startGrace]
    }

    /// The nodes that have not answered, and were waited for.
    package var stragglers: [Int] {
        pending.filter(\.value.isAwaited).map(\.node).sorted()
    }

    /// A put that counted as unknown was stored after all.
    package mutating func storedLate(_ put: Put, as id: BeanstalkJobID) {
        guard let index = jobs[put.job].copies.firstIndex(where: { $0.index == put.copy }),
            jobs[put.job].copies[index].answer == .unknown
        else { return }
        jobs[put.job].copies[index].answer = .stored(id)
        if jobs[put.job].isWithdrawn {
            unwanted.append(UnwantedCopy(put: put, node: jobs[put.job].copies[index].node, id: id))
        }
    }

    /// The copies of a job, by index; those without an answer are `unknown`.
    package func copies(of job: Int) -> [Copy] {
        if pending.isEmpty { return jobs[job].copies }
        var copies = jobs[job].copies
        for (node, entry) in pending {
            for put in entry.puts where put.job == job {
                copies.append(Copy(index: put.copy, node: node, answer: .unknown))
            }
        }
        return copies.sorted { $0.index < $1.index }
    }
}
