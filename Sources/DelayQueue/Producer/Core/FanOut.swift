package import Beanstalk
package import PipelinedTransport

/// The decision over jobs written together to several nodes: which of them are accepted, and when the wait is over.
///
/// Inputs in, actions out. A job is accepted with `minimumWritten` stored copies. Once every job is accepted or can
/// no longer be, the nodes still awaited get a grace; nodes known to be slow are not waited for.
///
/// Standbys go first, and leads once it is known which of these are stored; a node that has not answered by the grace
/// is not waited for with them either. Where jobs are concluded early, those that their standbys make accepted are so
/// before their leads are put: these are then owed, and nothing cuts their puts short.
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
        case send([Put], node: Int, tube: CopyTube = .main)
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

    private struct Lead {
        let copy: Int
        let node: Int
        var isSent = false
        /// Its node refused it as too long with the names of its standbys.
        var isNameless = false
    }

    private struct Job {
        /// The copy that is put after all others.
        var lead: Lead?
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

    /// What is on its way to one tube of a node: one batch at a time.
    private struct PendingBatch {
        let node: Int
        let tube: CopyTube
        let puts: [Put]
        let isAwaited: Bool
    }

    private let minimumWritten: Int
    private let spares: [Int]
    private var jobs: [Job]
    private let concludesEarly: Bool
    private var pending: [PendingBatch] = []
    /// What is put when the standbys' answers are in.
    private var later: PerNode<[Put]>
    private let probes: Set<Int>
    private var isAnyAnswered = false
    private var isGraceStarted = false
    /// Numbers the graces: one that ends when another number counts ends nothing.
    package private(set) var graceNumber = 0
    private var isGraceOver = false
    /// Every job's fate is decided: answers that still come are recorded, but change none.
    package private(set) var isOver = false
    /// Copies whose answer came after the wait for it had ended, and before that end was recorded.
    private var storedLate: [Put: BeanstalkJobID] = [:]
    private var unwanted: [(job: Int, copy: Copy)] = []
    private var decided: [Int] = []
    private var lostLeads = PerNode<Int>()

    /// - Parameter spares: nodes that may take over a copy another node certainly did not store, the first one first. A
    ///   job's own nodes may be among them; they take none of its copies over.
    /// - Parameter standbys: to be sent at once; other copies of their jobs are leads.
    /// - Parameter later: to be sent when these are answered; all there is where there are no standbys.
    /// - Parameter probes: nodes that are not waited for.
    /// - Parameter concludesEarly: whether jobs are accepted before their leads are put.
    package init(
        jobCount: Int, minimumWritten: Int, spares: [Int], standbys: PerNode<[Put]> = .init(),
        later: PerNode<[Put]> = .init(), probes: Set<Int> = [], concludesEarly: Bool = false
    ) {
        self.minimumWritten = minimumWritten
        self.spares = spares
        self.concludesEarly = concludesEarly
        self.later = later
        self.probes = probes
        self.jobs = Array(repeating: Job(), count: jobCount)
        if standbys.isEmpty { return }
        var hasStandby = Array(repeating: false, count: jobCount)
        for (_, puts) in standbys { for put in puts { hasStandby[put.job] = true } }
        for (node, puts) in later {
            for put in puts where hasStandby[put.job] { jobs[put.job].lead = Lead(copy: put.copy, node: node) }
        }
    }

    package func fate(of job: Int) -> Fate { jobs[job].fate }

    /// Whether a job needs an answer that may still come to be accepted; then nothing is cut short.
    package var isUndecided: Bool {
        later.isEmpty
            && jobs.contains {
                $0.fate == .open && $0.stored < minimumWritten && $0.stored + $0.pending >= minimumWritten
            }
    }

    /// Whether no node's answer is awaited: each has come, or the wait for it was ended.
    package var isAnswered: Bool { pending.isEmpty }

    /// The puts are on their way to the node.
    package mutating func sent(_ puts: [Put], node: Int, tube: CopyTube = .main, isAwaited: Bool) {
        pending.append(PendingBatch(node: node, tube: tube, puts: puts, isAwaited: isAwaited))
        for put in puts { jobs[put.job].pending += 1 }
    }

    /// The node's answers, one a put, in the order they were sent.
    ///
    /// - Parameter generation: the connection that brought them.
    package mutating func answered(
        node: Int, tube: CopyTube = .main, _ answers: [Answer], on generation: ConnectionGeneration? = nil
    ) -> [Action] {
        guard let index = pending.firstIndex(where: { $0.node == node && $0.tube == tube }) else { return [] }
        let batch = pending.remove(at: index)
        isAnyAnswered = true
        var again = PerNode<[Put]>()
        for (put, answer) in zip(batch.puts, answers) {
            jobs[put.job].pending -= 1
            let copy = Copy(index: put.copy, node: node, answer: known(answer, of: put), generation: generation)
            if case .stored = answer {
                jobs[put.job].stored += 1
                if jobs[put.job].isWithdrawn { unwanted.append((put.job, copy)) }
            } else if let next = nodeForAnother(put, node: node, answer) {
                again[next, default: []].append(put)
                jobs[put.job].pending += 1
                continue
            }
            jobs[put.job].add(copy)
            if isOwed(put), !copy.answer.isStored { lostLeads[node, default: 0] += 1 }
        }
        if again.isEmpty { return decide() }
        var actions: [Action] = []
        for (next, puts) in again.sorted(by: { $0.node < $1.node }) {
            pending.append(PendingBatch(node: next, tube: tube, puts: puts, isAwaited: true))
            actions.append(.send(puts, node: next, tube: tube))
        }
        return actions + decide()
    }

    /// Where a put goes once more that was not stored; nil where it does not.
    private mutating func nodeForAnother(_ put: Put, node: Int, _ answer: Answer) -> Int? {
        guard case .refused(let isNodesFault) = answer, jobs[put.job].fate == .open || isOwed(put) else { return nil }
        if isNodesFault {
            // One index, one put: only a put that certainly wrote nothing gives its index to a spare.
            jobs[put.job].refusedBy.append(node)
            return spare(for: put.job)
        }
        guard !role(of: put, leadOn: nil).names.isEmpty else { return nil }
        jobs[put.job].lead?.isNameless = true
        return node
    }

    /// The job was accepted, perhaps without this lead, which its consumers need to be on time.
    private func isOwed(_ put: Put) -> Bool {
        jobs[put.job].fate == .accepted && !jobs[put.job].isWithdrawn && jobs[put.job].lead?.copy == put.copy
    }

    /// The answer to a put; where it is unknown, what a late reply has told of the put meanwhile.
    private func known(_ answer: Answer, of put: Put) -> Answer {
        if storedLate.isEmpty || answer != .unknown { return answer }
        return storedLate[put].map { .stored($0) } ?? answer
    }

    /// The caller wants the job no more: it is refused, unless enough nodes have stored it already.
    package mutating func cancel(_ job: Int) {
        guard jobs[job].fate == .open else { return }
        conclude(job)
        decided.append(job)
    }

    private mutating func conclude(_ job: Int) {
        jobs[job].fate = jobs[job].stored >= minimumWritten ? .accepted : .refused
        guard jobs[job].fate == .accepted, let lead = jobs[job].lead else { return }
        if let copy = jobs[job].copies.first(where: { $0.index == lead.copy }), !copy.answer.isStored {
            lostLeads[copy.node, default: 0] += 1
        }
    }

    /// Jobs that were accepted or refused before the wait was over, and since this was asked last.
    package mutating func takeDecided() -> [Int] {
        defer { decided = [] }
        return decided
    }

    /// How many leads of accepted jobs each node has not stored, or perhaps not, since this was asked last.
    package mutating func takeLostLeads() -> PerNode<Int> {
        defer { lostLeads = PerNode() }
        return lostLeads
    }

    /// The time granted to stragglers has passed.
    package mutating func graceOver() -> [Action] {
        isGraceOver = true
        return decide()
    }

    /// A node that no put of the job went to or will go to, and that no puts are under way to.
    private func spare(for job: Int) -> Int? {
        spares.first { spare in
            !pending.contains { $0.node == spare } && !jobs[job].refusedBy.contains(spare)
                && !jobs[job].copies.contains { $0.node == spare }
                && (jobs[job].lead.map { $0.isSent || $0.node != spare } ?? true)
        }
    }

    package mutating func decide() -> [Action] {
        guard !isOver else { return [] }
        if !later.isEmpty {
            guard isGraceOver || !pending.contains(where: \.isAwaited) || !jobs.contains(where: { $0.fate == .open })
            else { return isAnyAnswered ? startGrace() : [] }
            return sendLater() + decide()
        }
        if isUndecided { return [] }
        let isDecided = !jobs.contains { $0.fate == .open }
        guard isDecided || isGraceOver || !pending.contains(where: \.isAwaited) else { return startGrace() }
        let open = isDecided ? [] : jobs.indices.filter { jobs[$0].fate == .open }
        for job in open { conclude(job) }
        // What is owed is not cut short, and is answered within the time that puts have.
        if pending.contains(where: { $0.puts.contains(where: isOwed) }) {
            decided += open
            return startGrace()
        }
        isOver = true
        return [.finish]
    }

    private mutating func startGrace() -> [Action] {
        if isGraceStarted { return [] }
        isGraceStarted = true
        graceNumber += 1
        return [.startGrace]
    }

    /// The standbys' answers are in, or not waited for any longer.
    private mutating func sendLater() -> [Action] {
        if concludesEarly {
            for job in jobs.indices where jobs[job].fate == .open && jobs[job].stored >= minimumWritten {
                conclude(job)
                decided.append(job)
            }
        }
        var due = Array(repeating: 0, count: jobs.count)
        for (_, puts) in later { for put in puts { due[put.job] += 1 } }
        isGraceStarted = false
        isGraceOver = false
        graceNumber += 1
        let later = later
        self.later = PerNode()
        var actions: [Action] = []
        for (node, puts) in later {
            let wanted = puts.filter { put in
                switch jobs[put.job].fate {
                case .open: jobs[put.job].stored + jobs[put.job].pending + due[put.job] >= minimumWritten
                case .accepted: true
                case .refused: false
                }
            }
            if wanted.isEmpty { continue }
            for put in wanted { jobs[put.job].lead?.isSent = true }
            actions.append(.send(wanted, node: node, tube: .main))
        }
        for case .send(let puts, let node, let tube) in actions {
            sent(puts, node: node, tube: tube, isAwaited: !probes.contains(node))
        }
        return actions
    }

    /// The nodes that have not answered, and were waited for; not those that are only owed leads for: no caller waits
    /// for them, and the next one is to try them.
    package var stragglers: [Int] {
        Set(pending.filter { $0.isAwaited && !$0.puts.allSatisfy(isOwed) }.map(\.node)).sorted()
    }

    // MARK: Roles

    /// What the record says of the copy's place among its job's copies.
    ///
    /// - Parameter server: the process that the job's lead is meant for, where that is known.
    package func role(of put: Put, leadOn server: ServerID?) -> CopyRole {
        guard let lead = jobs[put.job].lead else { return .alone }
        if put.copy != lead.copy { return .standby(leadOn: server) }
        if lead.isNameless { return .alone }
        var names: [CopyName] = []
        for copy in jobs[put.job].copies {
            guard case .stored(let id) = copy.answer, let process = copy.generation?.serverID else { continue }
            if names.isEmpty { names.reserveCapacity(jobs[put.job].copies.count) }
            names.append(CopyName(index: copy.index, server: process, id: id))
        }
        return names.isEmpty && server == nil ? .alone : .lead(on: server, naming: names)
    }

    /// The node a job's lead is meant for.
    package func leadNode(of job: Int) -> Int? { jobs[job].lead?.node }

    /// The same, where the lead was not put.
    package func unsentLeadNode(of job: Int) -> Int? {
        jobs[job].lead.flatMap { $0.isSent ? nil : $0.node }
    }

    // MARK: Copies

    /// A put was stored whose answer nobody waits for any more.
    ///
    /// - Returns: whether the copy must go, as its job was refused or withdrawn.
    package mutating func arrivedLate(_ put: Put, as id: BeanstalkJobID) -> Bool {
        if jobs[put.job].fate == .refused || jobs[put.job].isWithdrawn { return true }
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
        if pending.isEmpty, later.isEmpty { return jobs[job].copies }
        var copies = jobs[job].copies
        for batch in pending {
            for put in batch.puts where put.job == job {
                copies.append(Copy(index: put.copy, node: batch.node, answer: known(.unknown, of: put)))
            }
        }
        // The lead of a job that was accepted before it was put.
        if jobs[job].fate == .accepted, let lead = jobs[job].lead, !lead.isSent {
            copies.append(Copy(index: lead.copy, node: lead.node, answer: .unknown))
        }
        return copies.sorted { $0.index < $1.index }
    }
}

extension FanOut.Answer {
    package var isStored: Bool { if case .stored = self { true } else { false } }
}
