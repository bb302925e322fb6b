import Beanstalk
import NIOCore

/// A beanstalkd tube in memory: what the server does, command by command, on the simulation's clock.
final class SimulatedNode {
    enum State: Equatable {
        case ready
        case delayed(until: Int64)
        case reserved(by: Int, until: Int64)
        case buried
    }

    struct StoredJob {
        let id: BeanstalkJobID
        var bytes: ByteBuffer
        var priority: UInt32
        var timeToRun: Int64
        var state: State
        var kicks = 0
    }

    /// A server with a log keeps its jobs over a crash.
    let hasLog: Bool
    private(set) var jobs: [UInt64: StoredJob] = [:]
    private var lastID: UInt64 = 0
    var isUp = true

    init(hasLog: Bool) {
        self.hasLog = hasLog
    }

    /// The server process dies; every reservation ends with its connection.
    func crash() {
        isUp = false
        if !hasLog {
            jobs = [:]
            lastID = 0
        }
        for (id, job) in jobs {
            if case .reserved = job.state { jobs[id]?.state = .ready }
        }
    }

    func put(_ bytes: ByteBuffer, priority: UInt32, delay: Int64, timeToRun: Int64, now: Int64) -> BeanstalkJobID {
        lastID += 1
        let id = BeanstalkJobID(lastID)
        jobs[lastID] = StoredJob(
            id: id, bytes: bytes, priority: priority, timeToRun: timeToRun,
            state: delay > 0 ? .delayed(until: now + delay) : .ready)
        return id
    }

    /// Delays and reservations that have run out by now.
    func advance(to now: Int64) {
        for (id, job) in jobs {
            switch job.state {
            case .delayed(let until) where until <= now: jobs[id]?.state = .ready
            case .reserved(_, let until) where until <= now: jobs[id]?.state = .ready
            default: break
            }
        }
    }

    func hasReadyJob(now: Int64) -> Bool {
        advance(to: now)
        return jobs.values.contains { $0.state == .ready }
    }

    /// When something will become ready by itself.
    func nextChange() -> Int64? {
        jobs.values.compactMap { job -> Int64? in
            switch job.state {
            case .delayed(let until), .reserved(_, let until): until
            default: nil
            }
        }.min()
    }

    func reserve(by connection: Int, now: Int64) -> BeanstalkReply {
        advance(to: now)
        let next = jobs.values.filter { $0.state == .ready }.min { ($0.priority, $0.id) < ($1.priority, $1.id) }
        guard let next else {
            let isDeadlineSoon = jobs.values.contains {
                if case .reserved(connection, let until) = $0.state { until - now < 1_000_000 } else { false }
            }
            return isDeadlineSoon ? .deadlineSoon : .timedOut
        }
        jobs[next.id.rawValue]?.state = .reserved(by: connection, until: now + next.timeToRun)
        return .reserved(next.id, next.bytes)
    }

    func delete(_ id: BeanstalkJobID, by connection: Int, now: Int64) -> BeanstalkReply {
        advance(to: now)
        guard let job = jobs[id.rawValue] else { return .notFound }
        if case .reserved(let owner, _) = job.state, owner != connection { return .notFound }
        jobs[id.rawValue] = nil
        return .deleted
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

    func kickAll() {
        for (id, job) in jobs where job.state == .buried {
            jobs[id]?.state = .ready
            jobs[id]?.kicks += 1
        }
    }

    func kicks(of id: BeanstalkJobID) -> Int? { jobs[id.rawValue]?.kicks }

    func disconnect(_ connection: Int) {
        for (id, job) in jobs {
            if case .reserved(connection, _) = job.state { jobs[id]?.state = .ready }
        }
    }

    private func changeReserved(
        _ id: BeanstalkJobID, by connection: Int, now: Int64, reply: BeanstalkReply, _ change: (inout StoredJob) -> Void
    ) -> BeanstalkReply {
        advance(to: now)
        guard var job = jobs[id.rawValue], case .reserved(connection, _) = job.state else { return .notFound }
        change(&job)
        jobs[id.rawValue] = job
        return reply
    }
}
