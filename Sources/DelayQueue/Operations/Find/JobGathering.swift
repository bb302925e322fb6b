import Beanstalk
import NIOCore

/// Puts copies from several nodes together to jobs.
struct JobGathering {
    /// How many bytes of bodies are kept, all together.
    private static let keptBytes = 64 << 20

    private let queue: TubeName
    private let policy: SealPolicy
    private let limit: Int
    private var places: [JobName: Int] = [:]
    private var room: Int
    private(set) var jobs: [FoundJob] = []
    /// Whether a job was left out, as there were as many as wanted.
    private(set) var isLimited = false

    init(queue: TubeName, policy: SealPolicy, limit: Int, keepingBodies: Bool = true) {
        self.queue = queue
        self.policy = policy
        self.limit = limit
        room = keepingBodies ? Self.keptBytes : 0
    }

    /// Adds a copy of a job; other records are left out.
    mutating func add(_ copy: FoundCopy) {
        guard let record = copy.record, let name = JobName(record), let fireTime = record.fireTime else { return }
        let place = FoundJob.Copy(
            node: copy.node, tube: copy.node.name(of: copy.tube), id: copy.id, serverID: copy.server,
            index: record.copy, isStandby: record.role.isStandby, statistics: copy.statistics)
        if let index = places[name] {
            if !jobs[index].copies.contains(where: { $0.node == place.node && $0.id == place.id }) {
                jobs[index].copies.append(place)
                jobs[index].copies.sort {
                    ($0.index ?? 0, $0.node.address.description) < ($1.index ?? 0, $1.node.address.description)
                }
            }
            return
        }
        guard jobs.count < limit else {
            isLimited = true
            return
        }
        let opened = JobRecord(parsing: copy.bytes, opening: policy, queue: queue)
        var problem: String?
        if case .unverified(let reason) = opened { problem = "\(reason)" }
        // What is not sealed can be read all the same.
        let content = if case .unverified(.notSealed) = opened { record } else { opened }
        let size = content.body?.readableBytes ?? 0
        let isKept = size <= room
        if isKept { room -= size }
        places[name] = jobs.count
        jobs.append(
            FoundJob(
                id: name.id, format: name.isGoQueue ? .goQueue : .native, fireDate: fireTime.date,
                headers: content.headers, body: isKept ? content.body : nil, problem: problem,
                declaredCopies: record.copies, copies: [place], status: nil, key: name.ledgerKey(queue: queue),
                fireTime: fireTime, queue: queue))
    }

    /// Whether all copies are there of each of the jobs, as far as they can be counted.
    var areComplete: Bool {
        !jobs.isEmpty && jobs.allSatisfy { $0.declaredCopies > 0 && $0.copies.count >= $0.declaredCopies }
    }
}

extension JobName {
    /// What a record says of itself; nil where it is no job's. A sealed one need not be opened for it.
    init?(_ record: JobRecord) {
        guard let id = record.id else { return nil }
        let isGoQueue = if case .goQueue = record { true } else { false }
        self.init(id: id, isGoQueue: isGoQueue, edition: record.edition)
    }
}
