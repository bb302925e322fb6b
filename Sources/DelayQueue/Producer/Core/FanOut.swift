package import Beanstalk
package import PipelinedTransport

/// The decision over jobs written together to several nodes: which of them are accepted, and when the wait is over.
///
/// Inputs in, actions out. A job is accepted with `minimumWritten` stored copies. Once every job is accepted or can
/// no longer be, the nodes still awaited get a grace; nodes known to be slow are not waited for.
package struct FanOut {
    /// One copy of one job on its way to a node.
    package struct Put: Hashable, Sendable {
        package var job: Int
        package var copy: Int
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
        /// The connection it was written on, or another one to the same server process, where that is known.
        package var generation: ConnectionGeneration?
    }

    package enum Fate: Hashable, Sendable {
        case open, accepted, refused
    }

    private struct Job {
        /// By index.
        var copies: [Copy] = []
        var stored = 0
        var pending = 0
        /// Nodes whose copy another one took over.
        var refusedBy: [Int] = []
        var fate = Fate.open
        /// What was known to be stored is being taken back.
        var isWithdrawn = false

        mutating func add(_ copy: Copy) {
            if copies.isEmpty { copies.reserveCapacity(3) }
            copies.insert(copy, at: copies.firstIndex { $0.index > copy.index } ?? copies.endIndex)
        }
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
    /// Every job's fate is decided: answers that still come are recorded, but change none.
    package private(set) var isOver = false
    /// Copies whose answer came after the wait for it had ended, and before that end was recorded.
    private var storedLate: [Put: BeanstalkJobID] = [:]
    private var unwanted: [(job: Int, copy: Copy)] = []

    /// - Parameter spares: nodes that may take over a copy another node certainly did not store, the first one first. A
    ///   job's own nodes may be among them; they take none of its copies over.
    package init(jobCount: Int, minimumWritten: Int, spares: [Int]) {
        self.minimumWritten = minimumWritten
        self.spares = spares
        self.jobs = Array(repeating: Job(), count: jobCount)
    }

    package func fate(of job: Int) -> Fate { jobs[job].fate }

    /// Whether no node's answer is awaited: each has come, or the wait for it was ended.
    package var isAnswered: Bool { pending.isEmpty }

    /// The puts are on their way to the node.
    package mutating func sent(_ puts: [Put], node: Int, isAwaited: Bool) {
        pending[node] = PendingNode(puts: puts, isAwaited: isAwaited)
        for put in puts { jobs[put.job].pending += 1 }
    }

    /// The node's answers, one a put, in the order they were sent.
    ///
    /// - Parameter generation: the connection that brought them.
    package mutating func answered(
        node: Int, _ answers: [Answer], on generation: ConnectionGeneration? = nil
    ) -> [Action] {
        guard let entry = pending.removeValue(for: node) else { return [] }
        var replacements = PerNode<[Put]>()
        for (put, answer) in zip(entry.puts, answers) {
            jobs[put.job].pending -= 1
            let copy = Copy(index: put.copy, node: node, answer: known(answer, of: put), generation: generation)
            if case .stored = answer {
                jobs[put.job].stored += 1
                if jobs[put.job].isWithdrawn { unwanted.append((put.job, copy)) }
            }
            // One index, one put: only a put that certainly wrote nothing gives its index to a spare.
            if case .refused(isNodesFault: true) = answer, jobs[put.job].fate == .open, let spare = spare(for: put.job)
            {
                replacements[spare, default: []].append(put)
                jobs[put.job].refusedBy.append(node)
                jobs[put.job].pending += 1
                continue
            }
            jobs[put.job].add(copy)
        }
        if replacements.isEmpty { return decide() }
        var actions: [Action] = []
        for (spare, puts) in replacements.sorted(by: { $0.node < $1.node }) {
            pending[spare] = PendingNode(puts: puts, isAwaited: true)
            actions.append(.send(puts, node: spare))
        }
        return actions + decide()
    }

    /// The answer to a put; where it is unknown, what a late reply has told of the put meanwhile.
    private func known(_ answer: Answer, of put: Put) -> Answer {
        if storedLate.isEmpty || answer != .unknown { return answer }
        return storedLate[put].map { .stored($0) } ?? answer
    }

    /// The caller wants the job no more: it is refused, unless enough nodes have stored it already.
    package mutating func cancel(_ job: Int) {
        guard jobs[job].fate == .open else { return }
        jobs[job].fate = jobs[job].stored >= minimumWritten ? .accepted : .refused
    }

    /// The time granted to stragglers has passed.
    package mutating func graceOver() -> [Action] {
        isGraceOver = true
        return decide()
    }

    /// A node that no put of the job went to, and that no puts are under way to.
    private func spare(for job: Int) -> Int? {
        spares.first { spare in
            pending[spare] == nil && !jobs[job].refusedBy.contains(spare)
                && !jobs[job].copies.contains { $0.node == spare }
        }
    }

    package mutating func decide() -> [Action] {
        guard !isOver else { return [] }
        var isSettled = true
        for job in jobs where job.fate == .open {
            if job.stored < minimumWritten, job.stored + job.pending >= minimumWritten { return [] }
            isSettled = false
        }
        if isSettled || isGraceOver || !pending.contains(where: \.value.isAwaited) {
            for index in jobs.indices where jobs[index].fate == .open {
                jobs[index].fate = jobs[index].stored >= minimumWritten ? .accepted : .refused
            }
            isOver = true
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

    // MARK: Copies

    /// A put was stored whose answer nobody waits for any more.
    ///
    /// - Returns: whether the copy must go, as its job was refused.
    package mutating func arrivedLate(_ put: Put, as id: BeanstalkJobID) -> Bool {
        if jobs[put.job].fate == .refused { return true }
        if let index = jobs[put.job].copies.firstIndex(where: { $0.index == put.copy }) {
            if jobs[put.job].copies[index].answer == .unknown { jobs[put.job].copies[index].answer = .stored(id) }
        } else {
            storedLate[put] = id
        }
        return false
    }

    /// A refused job's copies are about to be taken back; what turns out to be stored of it from now on is unwanted.
    ///
    /// - Returns: what is known of its copies.
    package mutating func withdraw(_ job: Int) -> [Copy] {
        jobs[job].isWithdrawn = true
        return copies(of: job)
    }

    package func isWithdrawn(_ job: Int) -> Bool { jobs[job].isWithdrawn }

    /// Copies to be deleted that were stored after their job was withdrawn; each is told once.
    package mutating func takeUnwanted() -> [(job: Int, copy: Copy)] {
        defer { unwanted = [] }
        return unwanted
    }

    /// The copies of a job, by index; those without an answer are `unknown`.
    package func copies(of job: Int) -> [Copy] {
        if pending.isEmpty { return jobs[job].copies }
        var copies = jobs[job].copies
        for (node, entry) in pending {
            for put in entry.puts where put.job == job {
                copies.append(Copy(index: put.copy, node: node, answer: known(.unknown, of: put)))
            }
        }
        return copies.sorted { $0.index < $1.index }
    }
}
