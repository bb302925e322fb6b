import Beanstalk
import PipelinedTransport

// A queue's dead jobs: what was given up, to be looked at, replayed or dropped.
extension QueueOperations {
    /// The queue's dead jobs; the one that was given up last comes first.
    ///
    /// Looks through all records of the ledger's server, a thousand at a time, while the server goes on serving others.
    ///
    /// - Throws: `ledgerUnavailable` where the ledger goes away meanwhile; nothing is told of jobs found before that.
    public func deadJobs() async throws(DelayQueueError) -> [DeadJob] {
        try await carrier.deadRecords(of: queueName)
            .compactMap { DeadJob($0.key, $0.record) }
            .sorted { ($1.diedAt, $0.id.description) < ($0.diedAt, $1.id.description) }
    }

    /// A dead job; nil where no job of this id is dead.
    public func deadJob(_ id: JobID) async throws(DelayQueueError) -> DeadJob? {
        let keys = LedgerKey.all(of: id, in: queueName)
        for (key, value) in zip(keys, try await carrier.read(keys)) {
            if let dead = value?.deadRecord(in: queueName, key) { return DeadJob(dead.key, dead.record) }
        }
        return nil
    }

    /// How many copies of these jobs wait in each tube of each node, counting those whose places the ledger knows and
    /// whose node answers.
    package func copies(of jobs: [DeadJob]) async -> [ServerAddress: [CopyTube: Int]] {
        await withTaskGroup(of: (ServerAddress, [CopyTube: Int]).self) { group in
            for place in places {
                // A node that lost its data gives the same numbers again, so the records of two jobs may name one
                // number.
                let ids = Set(jobs.lazy.flatMap(\.copies).filter { $0.address == place.node.address }.map(\.id))
                group.addTask { (place.node.address, await Self.count(ids, on: place)) }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    private static func count(
        _ ids: Set<BeanstalkJobID>, on place: Place
    ) async -> [CopyTube: Int] {
        let replies = await place.connection.execute(ids.map { .statsJob($0) }, timeout: .seconds(2)).replies
        var counts: [CopyTube: Int] = [:]
        for case .ok(let text) in replies {
            // A number may mean another job by now, but only copies of dead jobs wait with this priority.
            guard let statistics = try? JobStatistics(parsing: text), statistics.state == .delayed,
                statistics.priority == DuePriority.dead, let tube = place.node.copyTube(named: statistics.tube)
            else { continue }
            counts[tube, default: 0] += 1
        }
        return counts
    }

    // MARK: Deciding

    /// Lets a dead job run after all, with no failures counted.
    ///
    /// First the ledger is told; then the copies whose places it knows are made ready, so that a consumer runs the job
    /// at once. About a copy that could not be reached, a consumer asks the ledger within a day of when the copy was
    /// last sent back. Repeating the call is harmless: a job that is not dead any more is left alone.
    ///
    /// Where the ledger does not answer, it is asked again for a few seconds. If it still does not, it may have
    /// recorded the replay all the same: the copies are made ready, and the call fails. Where the task is cancelled,
    /// some copies may not have been made ready.
    ///
    /// A consumer that gave the job up a moment ago may hold its copies for a second more. The call waits for that, 3
    /// seconds at most.
    ///
    /// - Returns: how many copies were made ready; nil where the job is not dead.
    /// - Throws: also `invalidConfiguration`, where all its copies lie on servers that are none of the nodes.
    @discardableResult
    public func replay(_ id: JobID) async throws(DelayQueueError) -> Int? {
        guard let job = try await deadJob(id) else { return nil }
        try checkPlaces(of: job)
        // All tries have one owner, so that after a lost answer the ledger answers the next try in the same way.
        let request = LedgerRequest(key: job.key, operation: .replay(.random()), timing: configuration.timing)
        var result = await Self.ask(request, carrier)
        for wait in Self.waits {
            guard case .failure(let error) = result, error.isRetriable, await Self.sleep(wait) else { break }
            result = await Self.ask(request, carrier)
        }
        if case .success(let reply) = result, reply != .replayed { return nil }
        let ready = await bringForward(job)
        _ = try result.get()
        return ready
    }

    /// Makes certain that a dead job never runs.
    ///
    /// First the ledger is told; then the copies whose places it knows are made ready, so that a consumer deletes them
    /// soon. Each of the others is deleted once its delay is over, within a day or two. Where the ledger does not
    /// answer, the call fails although the job may have been dropped; a repeated call then returns false.
    ///
    /// - Returns: false where the job is not dead.
    @discardableResult
    public func drop(_ id: JobID) async throws(DelayQueueError) -> Bool {
        guard let job = try await deadJob(id) else { return false }
        // How many copies it has is not known here; the record must outlast them all, counted or not.
        let copies = configuration.timing.retention(ofCopies: 0) > configuration.timing.retention(ofCopies: 1) ? 0 : 1
        let request = LedgerRequest(
            key: job.key, operation: .revoke(fireDate: job.diedAt, copies: copies), timing: configuration.timing)
        guard try await carrier.perform(request) == .revoked else { return false }
        await bringForward(job)
        return true
    }

    /// Refuses a job whose copies all lie on servers that are none of the nodes. The ledger knows servers by the names
    /// that consumers use; if other names are used here, no copy is found, and the job waits for up to a day.
    private func checkPlaces(of job: DeadJob) throws(DelayQueueError) {
        let known = places.map(\.node.address)
        guard !job.copies.isEmpty, job.copies.allSatisfy({ !known.contains($0.address) }) else { return }
        let places = Set(job.copies.map(\.address.description)).sorted().joined(separator: ", ")
        throw DelayQueueError(
            .invalidConfiguration,
            "the copies of \(job.id) lie on \(places), and the nodes given are "
                + "\(known.map(\.description).joined(separator: ", ")): name servers as the consumers do")
    }

    private static let waits: [Duration] = [.milliseconds(100), .milliseconds(400), .seconds(1), .seconds(2)]

    private static func ask(
        _ request: LedgerRequest, _ carrier: any LedgerCarrier
    ) async -> Result<LedgerReply, DelayQueueError> {
        do throws(DelayQueueError) {
            return .success(try await carrier.perform(request))
        } catch {
            return .failure(error)
        }
    }

    /// - Returns: false where the task was cancelled.
    private static func sleep(_ duration: Duration) async -> Bool {
        (try? await Task.sleep(for: duration)) != nil
    }

    // MARK: Copies

    /// How often a copy that somebody has reserved is tried again, and the pause between two tries.
    private static let patience = (tries: 30, pause: Duration.milliseconds(100))

    /// - Returns: how many copies were made ready.
    @discardableResult
    private func bringForward(_ job: DeadJob) async -> Int {
        var waiting = job.copies
        var ready = 0
        // A consumer that has just learnt that the job is dead holds its copies until it has sent them back. For that
        // it may have to wait for the end of a reserve.
        for attempt in 0..<Self.patience.tries where ready == 0 && !waiting.isEmpty {
            if attempt > 0 { guard await Self.sleep(Self.patience.pause) else { break } }
            let outcomes = await withTaskGroup(of: (DeadJob.Copy, CopyAdvance.Outcome).self) { group in
                for copy in waiting {
                    group.addTask { (copy, await bringForward(copy, of: job.key)) }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            ready = outcomes.count { $0.1 == .ready }
            waiting = outcomes.filter { $0.1 == .inSomebodysHands }.map(\.0)
        }
        return ready
    }

    private func bringForward(_ copy: DeadJob.Copy, of key: LedgerKey) async -> CopyAdvance.Outcome {
        guard let place = place(copy.address) else {
            return .notFound
        }
        let advance = CopyAdvance(copy.id, of: key, queue: queueName, on: place.node)
        let look = await place.connection.execute(advance.look, timeout: .seconds(2))
        let commands = advance.commands(after: look.replies)
        guard !commands.isEmpty else { return .notFound }
        let outcome = await place.connection.execute(commands, generation: look.generation, timeout: .seconds(2))
        return advance.outcome(of: outcome.replies)
    }
}
