import Beanstalk
import DelayQueue
import NIOCore
import PipelinedTransport

/// A queue's two tubes of a beanstalkd in memory: what the server does, command by command, on the simulation's clock.
final class SimulatedNode {
    /// What outlives the death of the server.
    enum Log {
        /// Nothing; ids begin at 1 again.
        case none
        /// Everything it had acknowledged.
        case synced
        /// All but the last puts and deletes, which were not yet on the disk.
        case lagging
    }

    enum State: Equatable {
        case ready
        case delayed(until: Int64)
        case reserved(by: Int, until: Int64)
        case buried
    }

    struct StoredJob {
        let id: UInt64
        let bytes: ByteBuffer
        let tube: CopyTube
        var priority: UInt32
        let timeToRun: Int64
        var state: State
        var kicks = 0
        /// What the simulation knows and the server does not: whose copy it is, and which call wrote it.
        let origin: Origin
        let putAt: Int64
    }

    struct Origin {
        /// The job's number in the judge; nil for a record nobody here wrote.
        var job: Int?
        var call = 0
        /// The copy's index; nil where copies are not counted.
        var copy: Int?
    }

    let log: Log
    private(set) var jobs: [StoredJob] = []
    private var lastID: UInt64 = 0
    private var deletes: [(job: StoredJob, at: Int64)] = []
    var isUp = true
    /// How often it died: what was sent to an earlier life of it is never carried out.
    private(set) var deaths = 0
    /// It accepts what is sent to it, and does nothing.
    var isHung = false
    /// What was sent to it while it hung.
    var inbox: [() -> Void] = []

    /// Another one after each death.
    var serverID: ServerID { ServerID(UInt64(number + 1) << 32 | UInt64(deaths)) }

    private let number: Int

    init(_ number: Int, log: Log) {
        self.number = number
        self.log = log
    }

    // MARK: Commands

    func put(
        _ bytes: ByteBuffer, into tube: CopyTube = .main, priority: UInt32, delay: Int64, timeToRun: Int64,
        origin: Origin, now: Int64
    ) -> BeanstalkReply {
        lastID += 1
        jobs.append(
            StoredJob(
                id: lastID, bytes: bytes, tube: tube, priority: priority, timeToRun: timeToRun,
                state: delay > 0 ? .delayed(until: now + delay) : .ready, origin: origin, putAt: now))
        return .inserted(BeanstalkJobID(lastID))
    }

    func reserve(by connection: Int, now: Int64) -> BeanstalkReply {
        advance(to: now)
        var next: Int?
        for index in jobs.indices where jobs[index].state == .ready {
            if let best = next, (jobs[best].priority, jobs[best].id) < (jobs[index].priority, jobs[index].id) {
                continue
            }
            next = index
        }
        guard let next else { return isDeadlineSoon(for: connection, now: now) ? .deadlineSoon : .timedOut }
        jobs[next].state = .reserved(by: connection, until: now + jobs[next].timeToRun)
        return .reserved(BeanstalkJobID(jobs[next].id), jobs[next].bytes)
    }

    /// `reserve-job`: whatever its state, unless somebody has it.
    func reserve(_ id: BeanstalkJobID, by connection: Int, now: Int64) -> BeanstalkReply {
        advance(to: now)
        guard let index = index(of: id) else { return .notFound }
        if case .reserved = jobs[index].state { return .notFound }
        jobs[index].state = .reserved(by: connection, until: now + jobs[index].timeToRun)
        return .reserved(id, jobs[index].bytes)
    }

    /// - Returns: the job, where there was one to delete.
    func delete(_ id: BeanstalkJobID, by connection: Int, now: Int64) -> StoredJob? {
        advance(to: now)
        guard let index = index(of: id) else { return nil }
        if case .reserved(let owner, _) = jobs[index].state, owner != connection { return nil }
        let job = jobs.remove(at: index)
        if log == .lagging { deletes.append((job, now)) }
        return job
    }

    func release(
        _ id: BeanstalkJobID, priority: UInt32, delay: Int64, by connection: Int, now: Int64
    ) -> BeanstalkReply {
        changeReserved(id, by: connection, now: now, reply: .released) { job in
            job.priority = priority
            job.state = delay > 0 ? .delayed(until: now + delay) : .ready
        }
    }

    func touch(_ id: BeanstalkJobID, by connection: Int, now: Int64) -> BeanstalkReply {
        changeReserved(id, by: connection, now: now, reply: .touched) { job in
            job.state = .reserved(by: connection, until: now + job.timeToRun)
        }
    }

    func bury(_ id: BeanstalkJobID, by connection: Int, now: Int64) -> BeanstalkReply {
        changeReserved(id, by: connection, now: now, reply: .buried(nil)) { $0.state = .buried }
    }

    /// What a put ends in where there is no room in the queue.
    func buryForLackOfMemory(_ id: BeanstalkJobID) {
        guard let index = index(of: id) else { return }
        jobs[index].state = .buried
    }

    /// - Returns: the jobs that were kicked.
    func kickAll() -> [Int] {
        var kicked: [Int] = []
        for index in jobs.indices where jobs[index].state == .buried {
            jobs[index].state = .ready
            jobs[index].kicks += 1
            if let job = jobs[index].origin.job { kicked.append(job) }
        }
        return kicked
    }

    /// What `stats-job` answers, as far as anybody here looks at it.
    func statistics(of id: BeanstalkJobID, now: Int64) -> BeanstalkReply {
        advance(to: now)
        guard let job = find(id) else { return .notFound }
        let tube = BeanstalkNode(address: .hostname("node", port: 1)).name(of: job.tube)
        let state: String
        var left: Int64 = 0
        switch job.state {
        case .ready: state = "ready"
        case .delayed(let until): (state, left) = ("delayed", (until - now) / 1_000_000)
        case .reserved(_, let until): (state, left) = ("reserved", (until - now) / 1_000_000)
        case .buried: state = "buried"
        }
        return .ok(
            ByteBuffer(
                string:
                    "---\nid: \(id)\ntube: \(tube)\nstate: \(state)\npri: 1\nage: \((now - job.putAt) / 1_000_000)\ndelay: 0\nttr: 10\n"
                    + "time-left: \(left)\nfile: 0\nreserves: 1\ntimeouts: 0\nreleases: 0\nburies: 0\n"
                    + "kicks: \(job.kicks)\n"))
    }

    /// `peek-delayed`, in the standby tube.
    func nextStandby(now: Int64) -> BeanstalkReply {
        advance(to: now)
        var next: (job: StoredJob, until: Int64)?
        for job in jobs where job.tube == .standby {
            if case .delayed(let until) = job.state, next.map({ until < $0.until }) ?? true { next = (job, until) }
        }
        return next.map { .found(BeanstalkJobID($0.job.id), $0.job.bytes) } ?? .notFound
    }

    func find(_ id: BeanstalkJobID) -> StoredJob? {
        index(of: id).map { jobs[$0] }
    }

    // MARK: Time and connections

    /// Delays and reservations that have run out by now.
    func advance(to now: Int64) {
        for index in jobs.indices {
            switch jobs[index].state {
            case .delayed(let until) where until <= now: jobs[index].state = .ready
            case .reserved(_, let until) where until <= now: jobs[index].state = .ready
            default: break
            }
        }
    }

    var hasReadyJob: Bool { jobs.contains { $0.state == .ready } }

    func isDeadlineSoon(for connection: Int, now: Int64) -> Bool {
        jobs.contains {
            if case .reserved(connection, let until) = $0.state { until - now < 1_000_000 } else { false }
        }
    }

    /// When something will become ready, or be in its last second, by itself.
    func nextChange(after now: Int64) -> Int64? {
        var next: Int64?
        for job in jobs {
            switch job.state {
            case .delayed(let until): next = min(next ?? until, until)
            case .reserved(_, let until):
                let at = until - 1_000_000 > now ? until - 1_000_000 + 1 : until
                next = min(next ?? at, at)
            case .ready, .buried: break
            }
        }
        return next
    }

    func disconnect(_ connection: Int) {
        for index in jobs.indices {
            if case .reserved(connection, _) = jobs[index].state { jobs[index].state = .ready }
        }
    }

    // MARK: Death

    struct Damage {
        /// A nil is a record nobody here wrote.
        var erased: [Int?] = []
        var restored: [(job: Int, deletedAt: Int64)] = []
    }

    /// The server process dies; every reservation ends with its connection.
    ///
    /// - Parameter recent: what a lagging log may miss happened after this.
    func crash(recent: Int64) -> Damage {
        isUp = false
        deaths += 1
        isHung = false
        inbox = []
        var damage = Damage()
        switch log {
        case .synced: break
        case .none:
            damage.erased = jobs.map(\.origin.job)
            jobs = []
            lastID = 0
        case .lagging:
            damage.erased = jobs.filter { $0.putAt > recent }.map(\.origin.job)
            jobs.removeAll { $0.putAt > recent }
            for (job, at) in deletes where at > recent && job.putAt <= recent {
                jobs.append(job)
                if let number = job.origin.job { damage.restored.append((number, at)) }
            }
            jobs.sort { $0.id < $1.id }
        }
        deletes = []
        for index in jobs.indices {
            if case .reserved = jobs[index].state { jobs[index].state = .ready }
        }
        return damage
    }

    // MARK: Helpers

    private func index(of id: BeanstalkJobID) -> Int? {
        jobs.firstIndex { $0.id == id.rawValue }
    }

    private func changeReserved(
        _ id: BeanstalkJobID, by connection: Int, now: Int64, reply: BeanstalkReply, _ change: (inout StoredJob) -> Void
    ) -> BeanstalkReply {
        advance(to: now)
        guard let index = index(of: id), case .reserved(connection, _) = jobs[index].state else { return .notFound }
        change(&jobs[index])
        return reply
    }
}

extension ConnectionGeneration {
    /// The connection after this one.
    func next(to node: SimulatedNode) -> ConnectionGeneration {
        ConnectionGeneration(number + 1, serverID: node.serverID)
    }
}
