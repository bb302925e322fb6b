import Beanstalk
import HeapModule

/// One job this consumer holds copies of.
///
/// A class, so that to look at one copies nothing: this is done several times a job. It is confined to the core, and
/// what is counted of all jobs changes through ``HeldJobs`` only.
final class HeldJob {
    let shared: JobContents
    /// Of the record that is kept of it, in bytes.
    fileprivate let size: Int
    /// The node whose share that is of.
    fileprivate let node: Int
    fileprivate(set) var copies: [HeldCopy]
    fileprivate(set) var phase = HeldPhase.holding
    /// Due, and waiting for the application to want one more.
    fileprivate(set) var isQueued = false
    /// When it may be claimed, by the fleet's clock: the fire date, or the end of a wait the ledger told of.
    var due: Timestamp
    /// When it is to be looked at again; alarms for other instants are of what it waited for before.
    var alarmAt: Uptime?
    /// How often it was parked in a row, for the backoff.
    var parkTries = 0
    /// The owner of a claim whose answer did not arrive.
    var unansweredOwner: ClaimOwner?
    /// Where its lead says that the other copies are; each means its copy for good.
    var standbys: [CopyName] = []
    /// Of a job that a standby brought: the server process that was to store its lead.
    var leadServer: ServerID?
    /// How many of them were tried after the lead had been lost.
    var standbysTried = 0
    /// The ledger said that it may be a job that ends its process.
    var isSuspect = false
    /// Whether the ledger's clock, which is far behind, is not asked about its date.
    var isDueByOwnClock = false
    /// Whether the job is to run although it is later than records last: a copy was kicked, or the policy says so.
    var mayRunWithoutRecord = false

    fileprivate init(_ shared: JobContents, size: Int, node: Int, copies: [HeldCopy], due: Timestamp) {
        self.shared = shared
        self.size = size
        self.node = node
        self.copies = copies
        self.due = due
    }

    var id: JobID { shared.id }
    var key: LedgerKey { shared.key }
    var fireTime: Timestamp { shared.fireTime }
    var isForeign: Bool { shared.isForeign }

    /// Whether all that is held of it are added copies, which were written later in place of others. Where such a job has no
    /// record, it may have run, and be forgotten: one was made before the copy was written.
    var isOfAddedCopies: Bool {
        shared.copies > 0 && !copies.isEmpty && copies.allSatisfy { $0.index.map { $0 >= shared.copies } ?? false }
    }

    /// The place of a copy among those of this job; nil where the job has no such copy.
    func index(of copy: BeanstalkJobID, on link: Int) -> Int? {
        copies.firstIndex { $0.id == copy && $0.link == link }
    }

    /// Changes what is known of a held copy, which stays held.
    func changeCopy(at index: Int, _ change: (inout HeldCopy) -> Void) {
        change(&copies[index])
    }

    /// Changes what is known of the claim of a job that the application has, and keeps.
    func changeClaim(_ change: (inout HeldClaim) -> Void) {
        guard case .claimed(var claim) = phase else { return }
        change(&claim)
        phase = .claimed(claim)
    }

    fileprivate var counts: PhaseCounts {
        var counts = PhaseCounts()
        if isQueued { counts.queued = 1 }
        switch phase {
        case .claiming, .inspecting, .verifying: counts.claims = 1
        case .claimed: counts.inHand = 1
        case .parked: counts.parkedCopies = copies.count
        case .settling(_, let pending):
            if pending.deliversOnceSettled { counts.claims = 1 }
            counts.settlements = 1
        case .holding: break
        }
        return counts
    }
}

/// Every job in a consumer's hands: the one owner of what each waits for, of its copies and its name, and so of what is
/// counted by them.
///
/// A job's number says where it is kept, so looking it up hashes nothing, and changing it moves nothing.
struct HeldJobs {
    private struct Slot {
        /// Of the job that is kept here, or was last.
        var number: UInt64 = 0
        var job: HeldJob?
    }

    private struct QueuedJob: Comparable {
        let due: Timestamp
        let job: HeldJobID

        static func < (a: QueuedJob, b: QueuedJob) -> Bool { (a.due, a.job) < (b.due, b.job) }
    }

    private var slots: [Slot] = []
    /// Slots without a job.
    private var free: [Int32] = []
    private var lastNumber: UInt64 = 0
    /// The numbers of jobs by the name that all copies of a job have in common; retired jobs are among them.
    private var names: [JobName: HeldJobID] = [:]
    /// Due jobs that wait for the application; some have moved on meanwhile.
    private var queue: Heap<QueuedJob> = []

    private(set) var count = 0
    private(set) var counts = PhaseCounts()
    /// How many copies are held on each link.
    private(set) var heldCopies: [Int]
    /// How many bytes of each node's records are held.
    private(set) var heldBytes: [Int]

    init(nodes: Int) {
        heldCopies = Array(repeating: 0, count: nodes * 2)
        heldBytes = Array(repeating: 0, count: nodes)
    }

    var isEmpty: Bool { count == 0 }

    /// How many names lead to a job.
    var nameCount: Int { names.count }

    // MARK: Jobs

    /// Takes a job in with its first copy. Other copies find it by its name, unless nobody here wrote it.
    ///
    /// - Parameter size: of its record, in bytes.
    /// - Returns: its number, which rises from job to job.
    mutating func insert(_ record: JobContents, _ copy: HeldCopy, size: Int, due: Timestamp) -> HeldJobID {
        lastNumber += 1
        count += 1
        heldCopies[copy.link] += 1
        let node = copy.link % heldBytes.count
        heldBytes[node] += size
        let job = HeldJob(record, size: size, node: node, copies: [copy], due: due)
        let slot: Int32
        if let known = free.popLast() {
            slot = known
            slots[Int(slot)] = Slot(number: lastNumber, job: job)
        } else {
            slot = Int32(slots.count)
            slots.append(Slot(number: lastNumber, job: job))
        }
        let id = HeldJobID(lastNumber, slot: slot)
        if !record.isForeign { names[record.name] = id }
        return id
    }

    subscript(id: HeldJobID) -> HeldJob? {
        let slot = Int(id.slot)
        return slot < slots.count && slots[slot].number == id.number ? slots[slot].job : nil
    }

    /// The number of a job that is here, or was retired.
    func named(_ name: JobName) -> HeldJobID? { names[name] }

    /// Lets go of a job, with the copies it still has.
    mutating func remove(_ id: HeldJobID) {
        guard let job = retire(id) else { return }
        dropName(job.shared.name, of: id)
    }

    /// Lets go of a job, with the copies it still has; its name leads to its number until ``dropName(_:of:)``.
    mutating func retire(_ id: HeldJobID) -> HeldJob? {
        guard let job = self[id] else { return nil }
        count(from: job.counts, to: PhaseCounts())
        for copy in job.copies { heldCopies[copy.link] -= 1 }
        heldBytes[job.node] -= job.size
        slots[Int(id.slot)].job = nil
        free.append(id.slot)
        count -= 1
        return job
    }

    mutating func dropName(_ name: JobName, of id: HeldJobID) {
        if names[name] == id { names[name] = nil }
    }

    /// Gives a job a new number, so that nobody who knows only the old one can reach it any more.
    mutating func renumber(_ id: HeldJobID) -> HeldJobID? {
        guard let job = self[id] else { return nil }
        change(job, to: .holding)
        // Answers to touches under way go to the old number.
        for index in job.copies.indices { job.copies[index].isTouching = false }
        lastNumber += 1
        slots[Int(id.slot)].number = lastNumber
        let next = HeldJobID(lastNumber, slot: id.slot)
        if !job.isForeign { names[job.shared.name] = next }
        return next
    }

    // MARK: What it waits for

    /// From now on a job waits for something else. It is not queued, and has no alarm, until somebody says so.
    mutating func enter(_ phase: HeldPhase, _ id: HeldJobID) {
        if let job = self[id] { change(job, to: phase) }
    }

    private mutating func change(_ job: HeldJob, to phase: HeldPhase) {
        let before = job.counts
        job.phase = phase
        job.isQueued = false
        job.alarmAt = nil
        count(from: before, to: job.counts)
    }

    private mutating func count(from before: PhaseCounts, to after: PhaseCounts) {
        counts += after - before
        // No job is queued now, so every entry left in the queue is of a job that has moved on.
        if counts.queued == 0, before.queued > 0 { queue = [] }
    }

    /// A due job that is held waits for the application to want one more.
    mutating func queue(_ id: HeldJobID) {
        guard let job = self[id], case .holding = job.phase, !job.isQueued else { return }
        job.isQueued = true
        counts.queued += 1
        queue.insert(QueuedJob(due: job.due, job: id))
    }

    /// Ends the wait of the job that has been due for the longest time.
    mutating func popQueued() -> HeldJobID? {
        while let next = queue.popMin() {
            guard let job = self[next.job], job.isQueued else { continue }
            job.isQueued = false
            job.alarmAt = nil
            counts.queued -= 1
            if counts.queued == 0 { queue = [] }
            return next.job
        }
        return nil
    }

    // MARK: Copies

    /// What follows from one more copy.
    enum Attachment {
        /// It was known; its reservation is a new one.
        case reserved(index: Int)
        /// The job's copies were given back so that another consumer can claim it, and this copy is to go back as well.
        case refused
        case added(index: Int)
    }

    /// Another copy of a job was reserved: it shares the job's fate.
    ///
    /// - Returns: nil where the job is not here.
    mutating func attach(_ copy: HeldCopy, to id: HeldJobID) -> Attachment? {
        guard let job = self[id] else { return nil }
        if let index = job.index(of: copy.id, on: copy.link) {
            // Its reservation had run out, and we got it again.
            job.copies[index].confirmedAt = copy.confirmedAt
            job.copies[index].isTouching = false
            return .reserved(index: index)
        }
        switch job.phase {
        case .claimed(let claim) where claim.gaveCopiesBack: return .refused
        case .parked: counts.parkedCopies += 1
        default: break
        }
        heldCopies[copy.link] += 1
        job.copies.append(copy)
        return .added(index: job.copies.count - 1)
    }

    /// Takes copies out of a job's hands.
    ///
    /// - Returns: those that were there.
    @discardableResult
    mutating func takeCopies(of id: HeldJobID, where isTaken: (HeldCopy) -> Bool = { _ in true }) -> [HeldCopy] {
        guard let job = self[id] else { return [] }
        let taken = job.copies.filter(isTaken)
        guard !taken.isEmpty else { return [] }
        let before = job.counts
        job.copies.removeAll(where: isTaken)
        count(from: before, to: job.counts)
        for copy in taken { heldCopies[copy.link] -= 1 }
        return taken
    }
}

extension HeldJobs: Sequence {
    /// In no particular order, the jobs that are there when it begins.
    func makeIterator() -> AnyIterator<(id: HeldJobID, job: HeldJob)> {
        var index = 0
        let slots = slots
        return AnyIterator {
            while index < slots.count {
                defer { index += 1 }
                if let job = slots[index].job { return (HeldJobID(slots[index].number, slot: Int32(index)), job) }
            }
            return nil
        }
    }

    var values: [HeldJob] { map(\.job) }
}
