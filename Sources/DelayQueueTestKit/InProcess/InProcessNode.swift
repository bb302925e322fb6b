import Beanstalk
import DelayQueue
import HeapModule
import NIOCore
import PipelinedTransport

/// A beanstalkd in this process: what the server does, command by command, on the time of its event loop.
///
/// Used on that loop only.
final class InProcessNode {
    struct StoredJob {
        enum State {
            case ready
            case delayed(until: NIODeadline)
            case reserved(by: ObjectIdentifier, until: NIODeadline)
            case buried

            var name: String {
                switch self {
                case .ready: "ready"
                case .delayed: "delayed"
                case .reserved: "reserved"
                case .buried: "buried"
                }
            }
        }

        let id: UInt64
        let tube: String
        let body: ByteBuffer
        let timeToRun: Int64
        let putAt: NIODeadline
        var priority: UInt32
        var delay: UInt32
        /// The order in which it became ready, or was buried, among those of its tube and priority.
        var state: State
        var kicks = 0
        var reserves = 0
        var releases = 0
        var timeouts = 0
        var buries = 0
        /// Changes with the state, so that what was set for an earlier one is known to be void.
        var version: UInt64 = 0
    }

    /// A job among others that wait for the same: the least comes first.
    private struct Place: Comparable {
        let rank: Int64
        let id: UInt64
        let version: UInt64

        static func < (a: Place, b: Place) -> Bool { (a.rank, a.id) < (b.rank, b.id) }
    }

    let address: ServerAddress
    let largestBody: Int
    private let eventLoop: any EventLoop
    private(set) var serverID: ServerID
    private var jobs: [UInt64: StoredJob] = [:]
    private var ready: [String: Heap<Place>] = [:]
    /// When delays and reservations end.
    private var alarms: Heap<Place> = []
    private var lastID: UInt64 = 0
    private var connections: [ObjectIdentifier: InProcessConnection] = [:]
    private var wakeUp: (at: NIODeadline, task: Scheduled<Void>)?
    private(set) var isUp = true
    private(set) var isHung = false

    init(_ address: ServerAddress, serverID: ServerID, largestBody: Int, eventLoop: any EventLoop) {
        self.address = address
        self.serverID = serverID
        self.largestBody = largestBody
        self.eventLoop = eventLoop
    }

    // MARK: Connections

    func connect(_ receive: @escaping @Sendable (ByteChannelEvent) -> Void) -> InProcessConnection? {
        guard isUp else { return nil }
        let connection = InProcessConnection(to: self, on: eventLoop, receive)
        connections[ObjectIdentifier(connection)] = connection
        return connection
    }

    /// Its reservations end.
    func disconnect(_ connection: InProcessConnection) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        for id in connection.reserved { change(id) { $0.state = .ready } }
        serve()
    }

    // MARK: Faults

    /// The server process ends, and with it every connection.
    func stop() {
        isUp = false
        isHung = false
        for connection in connections.values {
            for id in connection.reserved { change(id) { $0.state = .ready } }
            connection.end()
        }
        connections = [:]
    }

    /// - Parameter isEmpty: whether it lost what it had.
    func start(as serverID: ServerID, isEmpty: Bool) {
        guard !isUp else { return }
        isUp = true
        self.serverID = serverID
        if isEmpty {
            jobs = [:]
            ready = [:]
            alarms = []
            lastID = 0
        }
        serve()
    }

    /// It takes what is sent to it, and does nothing, until it goes on.
    func hang(_ isHung: Bool) {
        guard isUp, isHung != self.isHung else { return }
        self.isHung = isHung
        guard !isHung else { return }
        for connection in connections.values { connection.work() }
        serve()
    }

    // MARK: Jobs

    var allJobs: [StoredJob] {
        advance()
        return jobs.values.sorted { $0.id < $1.id }
    }

    func job(_ id: UInt64) -> StoredJob? {
        advance()
        return jobs[id]
    }

    func put(_ body: ByteBuffer, into tube: String, priority: UInt32, delay: UInt32, timeToRun: Int64) -> UInt64 {
        lastID += 1
        jobs[lastID] = StoredJob(
            id: lastID, tube: tube, body: body, timeToRun: max(1, timeToRun), putAt: eventLoop.now,
            priority: priority, delay: delay, state: .buried)
        change(lastID) { $0.state = self.state(after: delay) }
        return lastID
    }

    private func state(after delay: UInt32) -> StoredJob.State {
        delay == 0 ? .ready : .delayed(until: eventLoop.now + .seconds(Int64(delay)))
    }

    /// The next job of tubes, which is then the connection's.
    func reserve(from tubes: [String], by connection: InProcessConnection) -> StoredJob? {
        var best: (priority: Int64, id: UInt64)?
        for tube in tubes {
            while let place = ready[tube]?.min, !isCurrent(place) { ready[tube]?.removeMin() }
            guard let place = ready[tube]?.min else { continue }
            if best.map({ (place.rank, place.id) < $0 }) ?? true { best = (place.rank, place.id) }
        }
        return best.flatMap { reserve($0.id, by: connection) }
    }

    func reserve(_ id: UInt64, by connection: InProcessConnection) -> StoredJob? {
        advance()
        guard let job = jobs[id] else { return nil }
        if case .reserved = job.state { return nil }
        connection.reserved.insert(id)
        change(id) { job in
            job.state = .reserved(by: ObjectIdentifier(connection), until: self.end(of: job))
            job.reserves += 1
        }
        return jobs[id]
    }

    private func end(of job: StoredJob) -> NIODeadline { eventLoop.now + .seconds(job.timeToRun) }

    /// Whether the connection may delete it: reserved jobs are their reservers' only.
    func delete(_ id: UInt64, by connection: InProcessConnection) -> Bool {
        advance()
        guard let job = jobs[id] else { return false }
        if case .reserved(let owner, _) = job.state, owner != ObjectIdentifier(connection) { return false }
        jobs[id] = nil
        connection.reserved.remove(id)
        return true
    }

    func release(_ id: UInt64, priority: UInt32, delay: UInt32, by connection: InProcessConnection) -> Bool {
        endReservation(id, by: connection) { job in
            job.priority = priority
            job.delay = delay
            job.releases += 1
            job.state = self.state(after: delay)
        }
    }

    func bury(_ id: UInt64, priority: UInt32, by connection: InProcessConnection) -> Bool {
        endReservation(id, by: connection) { job in
            job.priority = priority
            job.buries += 1
            job.state = .buried
        }
    }

    func touch(_ id: UInt64, by connection: InProcessConnection) -> Bool {
        guard holds(id, connection) else { return false }
        change(id) { $0.state = .reserved(by: ObjectIdentifier(connection), until: self.end(of: $0)) }
        return true
    }

    /// Buried jobs, or those with a delay.
    func kick(_ id: UInt64) -> Bool {
        advance()
        switch jobs[id]?.state {
        case .buried, .delayed: break
        default: return false
        }
        change(id) { job in
            job.kicks += 1
            job.state = .ready
        }
        serve()
        return true
    }

    private func holds(_ id: UInt64, _ connection: InProcessConnection) -> Bool {
        advance()
        guard case .reserved(let owner, _)? = jobs[id]?.state else { return false }
        return owner == ObjectIdentifier(connection)
    }

    private func endReservation(
        _ id: UInt64, by connection: InProcessConnection, _ change: (inout StoredJob) -> Void
    ) -> Bool {
        guard holds(id, connection) else { return false }
        connection.reserved.remove(id)
        self.change(id, change)
        serve()
        return true
    }

    private func isCurrent(_ place: Place) -> Bool { jobs[place.id]?.version == place.version }

    private func change(_ id: UInt64, _ change: (inout StoredJob) -> Void) {
        guard var job = jobs[id] else { return }
        change(&job)
        job.version += 1
        jobs[id] = job
        switch job.state {
        case .ready:
            ready[job.tube, default: []].insert(Place(rank: Int64(job.priority), id: id, version: job.version))
        case .delayed(let until), .reserved(_, let until):
            alarms.insert(Place(rank: until.nanoseconds, id: id, version: job.version))
        case .buried: break
        }
    }

    // MARK: Time

    var now: NIODeadline { eventLoop.now }

    /// Delays and reservations that are over.
    func advance() {
        let now = eventLoop.now
        while let alarm = alarms.min, !isCurrent(alarm) || alarm.rank <= now.nanoseconds {
            alarms.removeMin()
            guard isCurrent(alarm) else { continue }
            if case .reserved(let owner, _)? = jobs[alarm.id]?.state {
                connections[owner]?.reserved.remove(alarm.id)
            }
            change(alarm.id) { job in
                if case .reserved = job.state { job.timeouts += 1 }
                job.state = .ready
            }
        }
    }

    /// Gives what is ready to the connections that wait, and looks again when the next thing happens by itself.
    func serve() {
        guard isUp, !isHung else { return }
        advance()
        for connection in connections.values.sorted(by: {
            $0.waitsSince ?? .distantFuture < $1.waitsSince ?? .distantFuture
        }) {
            guard connection.waitsSince != nil else { break }
            connection.work()
        }
        var next = alarms.min.map { NIODeadline.uptimeNanoseconds(UInt64($0.rank)) }
        for connection in connections.values {
            if let until = connection.waitsUntil { next = min(next ?? until, until) }
        }
        guard let next else { return }
        if let wakeUp, wakeUp.at <= next, wakeUp.at > eventLoop.now { return }
        wakeUp?.task.cancel()
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        wakeUp = (
            next,
            eventLoop.scheduleTask(deadline: next) {
                bound.value.wakeUp = nil
                bound.value.serve()
            }
        )
    }

    /// When the first reservation of a connection ends.
    func firstEnd(of ids: Set<UInt64>) -> NIODeadline? {
        ids.lazy.compactMap { id -> NIODeadline? in
            if case .reserved(_, let until)? = self.jobs[id]?.state { until } else { nil }
        }.min()
    }
}

extension NIODeadline {
    var nanoseconds: Int64 { Int64(clamping: uptimeNanoseconds) }
}
